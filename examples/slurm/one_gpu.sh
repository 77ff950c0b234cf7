#!/bin/bash
# One search on one GPU of one node, in as many pieces as the queue's time limit asks for.
#
#     sbatch one_gpu.sh model.toml run.h5
#
# Two minutes before its time is up the job hears SIGUSR1, stores its state and ends with 75; it is put back into the
# queue and goes on. --signal without B: sends to the processes that srun started.
#SBATCH --job-name=magsearch
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus=1
#SBATCH --time=04:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

input=$1 out=$2
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK

if [ -e "$out" ]; then
    srun magsearch run --resume "$out" --device cuda
else
    srun magsearch run "$input" -o "$out" --device cuda
fi
code=$?

if [ $code -eq 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
