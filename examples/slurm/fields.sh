#!/bin/bash
# A job array: one search per field, each with its own file.
#
#     sbatch fields.sh model.toml
#
# A stopped task is requeued on its own; scontrol requeue needs the name of the array and the number of the task.
# What your cluster needs besides: #SBATCH --account, --partition; module load; source ~/magsearch/bin/activate
# With a GPU for each task: #SBATCH --gpus-per-task=1
#SBATCH --job-name=fields
#SBATCH --array=0-9
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --time=01:00:00
#SBATCH --signal=USR1@60
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.log

input=$1
field=$(python3 -c "print(0.5 * $SLURM_ARRAY_TASK_ID)") # tesla, along z
out=field-$field.h5
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK

if [ -e "$out" ]; then
    srun magsearch run --resume "$out"
else
    srun magsearch run "$input" -o "$out" --set model.field="$field"
fi
code=$?

if [ $code -eq 75 ]; then scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"; fi
exit $code
