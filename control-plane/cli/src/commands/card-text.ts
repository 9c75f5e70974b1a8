import type { VariantCard } from "@sartor/shared/protocol";
import { bytesText, counted, durationText, percent, points, shortNumber, wrapText } from "./format.js";

/** How many of the worst classes and layers are told. */
const WORST = 3;
const LABEL_WIDTH = 14;

/**
 * The card of a variant for people.
 *
 * @param of model and version, for the heading
 * @param labels names of the classes by index; classes are numbered where there is none
 */
export function cardText(card: VariantCard, of: string, labels: readonly string[]): string {
  const lines = [`${of} ${card.name}${card.kind === card.name ? "" : ` (${card.kind})`}`];
  const say = (label: string, text: string): void => {
    const wrapped = wrapText(text, " ".repeat(LABEL_WIDTH));
    lines.push(label.padEnd(LABEL_WIDTH) + wrapped.slice(LABEL_WIDTH));
  };
  say("accuracy", accuracyText(card, labels));
  if (card.signal !== null) say("signal", signalText(card.signal));
  const { bytes, weights, macs } = card.cost;
  say("cost", `${bytesText(bytes)}, ${weights} weights, ${shortNumber(macs / 1e6)} million multiply-accumulates`);
  if (card.calibration !== null) say("calibration", calibrationText(card.calibration));
  if (card.floatLayers.length > 0)
    say("back in fp32", `${card.floatLayers.join(", ")}, to hold the accuracy asked for`);
  if (card.keptLayers.length > 0) {
    say("unchanged", card.keptLayers.map(({ name, reason }) => `${name} (${reason})`).join("; "));
  }
  if (card.fusion !== null) say("fusion", fusionText(card.fusion));
  if (card.pruning !== null) {
    const { share, removedChannels, layers } = card.pruning;
    say(
      "pruned",
      `${counted(removedChannels, "channel")} of ${counted(layers.length, "layer")}, ${percent(share)} of each`,
    );
  }
  for (const note of card.notes) say("note", note);
  const { model, builder, onnxRuntimeVersion } = card.lineage;
  say("made from", `${model} by ${builder} with ONNX Runtime ${onnxRuntimeVersion} in ${durationText(card.buildMs)}`);
  return lines.join("\n");
}

function accuracyText({ accuracy }: VariantCard, labels: readonly string[]): string {
  if (accuracy === null) return "not measured: there was no evaluation set";
  const difference = accuracy.accuracy - accuracy.referenceAccuracy;
  const weakest = accuracy.recallByClass
    .flatMap((recall, index) => (recall === null ? [] : [{ recall, label: labels[index] ?? `class ${index}` }]))
    .filter(({ recall }) => recall < 1)
    .sort((a, b) => a.recall - b.recall)
    .slice(0, WORST)
    .map(({ recall, label }) => `${label} ${percent(recall)}`);
  return [
    `${percent(accuracy.accuracy)} of ${counted(accuracy.dataset.samples, "sample")} of '${accuracy.dataset.name}';`,
    `fp32 ${percent(accuracy.referenceAccuracy)}, so ${points(difference)}.`,
    `Same class as fp32 on ${percent(accuracy.agreement)}; right alone ${counted(accuracy.onlyVariantRight, "time")}, fp32 alone`,
    `${counted(accuracy.onlyReferenceRight, "time")} (exact McNemar test, p = ${shortNumber(accuracy.pValue)}).`,
    ...(weakest.length === 0 ? [] : [`Weakest classes: ${weakest.join(", ")}.`]),
  ].join(" ");
}

function signalText({ outputDecibels, layers }: NonNullable<VariantCard["signal"]>): string {
  const worst = layers.slice(0, WORST).map(({ name, decibels }) => `${name} ${shortNumber(decibels)} dB`);
  const ending = worst.length === 0 ? "" : `; layers that lose most by themselves: ${worst.join(", ")}`;
  return `${shortNumber(outputDecibels)} dB above the error against fp32's outputs${ending}`;
}

function calibrationText(calibration: NonNullable<VariantCard["calibration"]>): string {
  const { dataset, method, biasCorrected, equalisedPairs, tried } = calibration;
  return [
    `${method} on ${counted(dataset.samples, "sample")} of '${dataset.name}'`,
    ...(biasCorrected ? ["biases corrected"] : []),
    ...(equalisedPairs > 0 ? [`${counted(equalisedPairs, "pair")} of layers evened out`] : []),
    ...(tried.length > 1 ? [`the best of ${tried.length} ways that were tried`] : []),
  ].join(", ");
}

function fusionText(fusion: NonNullable<VariantCard["fusion"]>): string {
  const unfused = fusion.unfused.slice(0, WORST).map(({ name, reason }) => `${name} (${reason})`);
  const rest = fusion.unfused.length - unfused.length;
  return [
    `on ${fusion.processor} ${counted(fusion.int8Nodes, "operator")} in int8, ${counted(fusion.conversions, "conversion")} left`,
    ...(unfused.length === 0 ? [] : [`in float: ${unfused.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`]),
  ].join("; ");
}
