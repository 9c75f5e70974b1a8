/** A class with the share of its samples that were answered rightly. */
export interface ClassRecall {
  readonly index: number;
  readonly label: string;
  readonly recall: number;
}

/** Classes that have samples, the worst first; of equal ones the lower index first. */
export function worstClasses(recallByClass: readonly (number | null)[], labels: readonly string[]): ClassRecall[] {
  return recallByClass
    .flatMap((recall, index) => (recall === null ? [] : [{ index, label: labels[index] ?? `class ${index}`, recall }]))
    .sort((left, right) => left.recall - right.recall || left.index - right.index);
}
