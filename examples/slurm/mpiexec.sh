#!/bin/bash
# Islands on clusters where srun cannot start MPI programs: mpiexec starts them, and this script forwards the signal.
#
#     sbatch mpiexec.sh model.toml run.h5
#
# --signal=B: sends the signal to this script. A signal ends wait, so it is repeated until mpiexec has ended.
# What your cluster needs besides: #SBATCH --account, --partition; module load; source ~/magsearch/bin/activate
# With a GPU for each task: #SBATCH --gpus-per-task=1
#SBATCH --job-name=islands
#SBATCH --ntasks=2
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

input=$1 out=$2

if [ -e "$out" ]; then
    mpiexec -n "$SLURM_NTASKS" magsearch run --resume "$out" &
else
    mpiexec -n "$SLURM_NTASKS" magsearch run "$input" -o "$out" &
fi
run=$!
trap 'kill -USR1 $run' USR1
wait $run
code=$?
while kill -0 $run 2>/dev/null; do wait $run; code=$?; done

if [ $code -eq 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
