import type { VariantCard } from "@sartor/shared/protocol";
import { BarList, EmptyState, Facts, Panel } from "../../components/index.js";
import { chanceWords, formatCount, formatPoints, formatPValue, formatShare, plural } from "../../format/index.js";
import { worstClasses } from "./worst-classes.js";

/** How right the variant is, against fp32 on the same samples. */
export function AccuracyPanel({ card: { accuracy, name } }: { readonly card: VariantCard }) {
  if (accuracy === null) {
    return (
      <Panel title="Accuracy">
        <EmptyState title="Not evaluated">
          <p>There was no evaluation set when this variant was built. Add one and build anew to know its accuracy.</p>
        </EmptyState>
      </Panel>
    );
  }
  const isReference = name === "fp32";
  const { onlyVariantRight, onlyReferenceRight, dataset } = accuracy;
  return (
    <Panel title="Accuracy">
      <p class="lead">
        <b>{formatShare(accuracy.accuracy)}</b> of {plural(dataset.samples, "sample", "samples")} right
      </p>
      {isReference ? null : (
        <p>
          {formatPoints(accuracy.accuracy - accuracy.referenceAccuracy)} points against fp32:{" "}
          {chanceWords(accuracy.pValue)}.
        </p>
      )}
      <Facts
        facts={[
          ["Samples", `${dataset.name}`],
          ["fp32", isReference ? null : formatShare(accuracy.referenceAccuracy)],
          ["Same answer", isReference ? null : `${formatShare(accuracy.agreement)} of samples, as fp32`],
          [
            "Only one right",
            isReference
              ? null
              : `${formatCount(onlyVariantRight)} only this variant, ${formatCount(onlyReferenceRight)} only fp32`,
          ],
          ["McNemar test", isReference ? null : `p = ${formatPValue(accuracy.pValue)} (exact, two-sided)`],
        ]}
      />
    </Panel>
  );
}

/** Accuracy of each class, the worst first. */
export function ClassPanel({ card, labels }: { readonly card: VariantCard; readonly labels: readonly string[] }) {
  if (card.accuracy === null) return null;
  const classes = worstClasses(card.accuracy.recallByClass, labels);
  const unseen = card.accuracy.recallByClass.length - classes.length;
  return (
    <Panel title="Classes, worst first">
      <BarList
        label="Share of each class answered rightly"
        what="classes"
        lines={classes.map(({ index, label, recall }) => ({
          key: String(index),
          name: label,
          hint: `class ${index}: ${label}`,
          share: recall,
          value: formatShare(recall),
        }))}
      />
      {unseen === 0 ? null : (
        <p class="muted small">{plural(unseen, "class has", "classes have")} no sample in the evaluation set.</p>
      )}
    </Panel>
  );
}
