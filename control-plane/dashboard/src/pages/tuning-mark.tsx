/** Marks a rollout that the verdict of a tuning began. */
export function TuningMark() {
  return (
    <span class="origin" title="Began by itself: a device measured that another variant is faster">
      tuning
    </span>
  );
}
