# The part of cluster-run.sh that has Slurm do the work: an array of jobs that take the texts in turn, and a job that merges when all
# of them have ended, however they ended; it says what is missing. Slurm runs the jobs of a lost node again on others (--requeue).
tasks=$((todo < ARRAY ? todo : ARRAY))
cat > "$run/array.sbatch" << END
#!/bin/bash
#SBATCH --job-name=contour-tokenize
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --output=$run/array.%a.log
# Every $tasks. text from that of the task's number on; one that fails for no fault of its own is tried three times.
status=0
while IFS=\$'\t' read -r name text; do
    for try in 1 2 3; do
        $job "\$name" "\$text" $TOKENIZE_FLAGS < /dev/null && continue 2
        sleep 1
    done
    status=75
done < <(awk -v task="\$SLURM_ARRAY_TASK_ID" 'NR % $tasks == task % $tasks' ${run@Q}/todo)
exit \$status
END
cat > "$run/merge.sbatch" << END
#!/bin/bash
#SBATCH --job-name=contour-merge
#SBATCH --output=$stages/merge.log
#SBATCH --open-mode=truncate
set -e
$merge
rm -rf ${run@Q}
END
dependency=
read -ra flags <<< "$SBATCH_FLAGS"
read -ra mergeFlags <<< "$MERGE_SBATCH_FLAGS"
if [ -z "$SUBMIT" ]; then
    echo "cluster: written; submit them so:" >&2
    [ "$todo" = 0 ] || echo "sbatch --array=1-$tasks ${SBATCH_FLAGS:+$SBATCH_FLAGS }$run/array.sbatch"
    echo "sbatch $([ "$todo" = 0 ] || echo "--dependency=afterany:JOB ")${MERGE_SBATCH_FLAGS:+$MERGE_SBATCH_FLAGS }$run/merge.sbatch"
    exit
fi
command -v sbatch > /dev/null || fail 69 "sbatch is missing: this is no machine from which Slurm takes jobs"
if [ "$todo" -gt 0 ]; then
    array=$(sbatch --parsable --array=1-"$tasks" "${flags[@]}" "$run/array.sbatch") || fail 69 "sbatch did not take the array"
    dependency=--dependency=afterany:${array%%;*}
    echo "cluster: array ${array%%;*}: $(texts "$todo") in $tasks job$([ "$tasks" = 1 ] || echo s)" >&2
fi
merging=$(sbatch --parsable $dependency "${mergeFlags[@]}" "$run/merge.sbatch") || fail 69 "sbatch did not take the job that merges"
echo "cluster: job ${merging%%;*} merges; it writes $out/vocab.shard, and $stages/merge.log says how it went" >&2
