#!/bin/bash
# A scan as a job array: every task computes its share of the points; task 0 joins the parts into one file.
#
#     sbatch scan.sh model.toml scan.h5
#
# A task exits with 75 shortly before its time limit, or when the rest of its share depends on results of other tasks.
# It is then requeued, after half a minute, so that a task that waits for others does not keep the scheduler busy.
# What your cluster needs besides: #SBATCH --account, --partition; module load; source ~/magsearch/bin/activate
# With a GPU for each task: #SBATCH --gpus-per-task=1
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

if [ $code -eq 75 ]; then sleep 30; scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"; fi
exit $code
