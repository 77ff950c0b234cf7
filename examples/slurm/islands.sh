#!/bin/bash
# Islands on many nodes: four ranks per node, one for each GPU.
#
#     sbatch islands.sh model.toml run.h5        # model.toml has [islands] count = 16, or more
#
# The result depends on islands.count, not on --nodes: a resumed job may have a different number of nodes. If MPI and
# Slurm do not share PMI-2, srun --mpi=list shows the alternatives (pmix for Open MPI).
# What your cluster needs besides: #SBATCH --account, --partition; module load; source ~/magsearch/bin/activate
#SBATCH --job-name=islands
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

input=$1 out=$2
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK

if [ -e "$out" ]; then
    srun --mpi=pmi2 magsearch run --resume "$out"
else
    srun --mpi=pmi2 magsearch run "$input" -o "$out"
fi
code=$?

if [ $code -eq 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
