#!/bin/bash
# One search on one GPU of one node, in as many pieces as the time limit of the queue requires.
#
#     sbatch one_gpu.sh model.toml run.h5
#
# Two minutes before the time limit the job receives SIGUSR1, stores its state and exits with 75; it is requeued and
# resumed. --signal without B: sends the signal to the processes that srun started.
# What your cluster needs besides: #SBATCH --account, --partition; module load; source ~/magsearch/bin/activate
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
