#!/bin/bash
# A scan as a job array: every task computes its share of the points into one file, which task 0 joins.
#
#     sbatch scan.sh model.toml scan.h5
#
# A task ends with 75 when its time is nearly up, or when what is left of its share waits for what other tasks have to
# find first; it is put back into the queue, and asks again.
#SBATCH --job-name=scan
#SBATCH --array=0-7
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --time=02:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.log

input=$1 out=$2
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK

srun magsearch scan "$input" -o "$out" --points "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
code=$?

if [ $code -eq 75 ]; then scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"; fi
exit $code
