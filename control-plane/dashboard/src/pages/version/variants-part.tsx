import type { ModelVariantView, ModelVersionView, VariantCard } from "@sartor/shared/protocol";
import { type Answer, useConnection, useMany } from "../../api/index.js";
import {
  Ago,
  type DataColumn,
  DataTable,
  EmptyState,
  ErrorNote,
  type Fact,
  Facts,
  Panel,
} from "../../components/index.js";
import {
  chanceWords,
  formatBytes,
  formatCount,
  formatPoints,
  formatShare,
  formatSignificant,
  plural,
  shortDigest,
  UNKNOWN,
} from "../../format/index.js";
import { cardPath, Link, versionPath } from "../../router/index.js";
import { variantWords } from "../tailoring/index.js";
import { useVersionTrust } from "../trust/index.js";
import { type SignedBundles, SignedState, signedBundles, UnsignedNote } from "./signed-state.js";

type Cards = ReadonlyMap<string, Answer<VariantCard>>;
const keyOf = (variant: ModelVariantView) => variant.variantId;

/** Facts of a version and its variants with what each costs in accuracy. */
export function VariantsPart({ view }: { readonly view: ModelVersionView }) {
  const { client } = useConnection();
  const { model, version, variants } = view;
  const cards: Cards = useMany({
    subject: `${model} ${version}`,
    round: variants.map(({ digest }) => digest).join(),
    items: variants,
    keyOf,
    load: (variant, signal) => client.tailoring.card({ model, version }, variant.name, signal),
  });
  const trust = useVersionTrust({ model, version });
  return (
    <>
      {trust.error === null ? null : <ErrorNote error={trust.error} title="What is signed cannot be read" />}
      <UnsignedNote model={model} version={version} trust={trust.value} />
      <Panel title="Variants" aside={<Link to={versionPath(model, version, "builds")}>Make more variants</Link>}>
        {variants.length === 0 ? (
          <EmptyState title="No variant yet">
            <p>The fp32 variant is made when a version is registered; it appears here within moments.</p>
          </EmptyState>
        ) : (
          <DataTable
            label="Variants"
            columns={columnsOf(view, cards, signedBundles(trust.value))}
            rows={[...variants].sort((left, right) => (left.name < right.name ? -1 : 1))}
            keyOf={keyOf}
          />
        )}
      </Panel>
      <Panel title="The model">
        <Facts facts={factsOf(view)} />
      </Panel>
    </>
  );
}

function columnsOf(
  { model, version, bytes }: ModelVersionView,
  cards: Cards,
  signed: SignedBundles,
): DataColumn<ModelVariantView>[] {
  return [
    {
      header: "Variant",
      render: (variant) => (
        <span class="two-lines">
          <Link to={cardPath(model, version, variant.name)}>{variant.name}</Link>
          <span class="second">{variantWords(variant).title}</span>
        </span>
      ),
    },
    {
      header: "Signed",
      hint: "Devices install and measure only what people have signed",
      render: (variant) => <SignedState variant={variant} signed={signed} />,
    },
    {
      header: "Size",
      numeric: true,
      render: (variant) => (
        <span class="two-lines">
          <span>{formatBytes(variant.bytes)}</span>
          <span class="second">{formatShare(variant.bytes / Math.max(1, bytes))} of the upload</span>
        </span>
      ),
    },
    {
      header: "Accuracy",
      numeric: true,
      hint: "On the evaluation set",
      render: ({ accuracy }) => formatShare(accuracy),
    },
    {
      header: "Against fp32",
      hint: "Difference in percentage points on the same samples, and whether it may be chance (exact McNemar test)",
      render: (variant) => <AgainstFp32 variant={variant} answer={cards.get(variant.variantId)} />,
    },
    {
      header: "Layers in fp32",
      numeric: true,
      hint: "Layers that went back to fp32 to hold the accuracy",
      render: ({ floatLayers, kind }) => (kind === "fp32" ? UNKNOWN : formatCount(floatLayers)),
    },
    {
      header: "Card",
      render: ({ name }) => (
        <Link to={cardPath(model, version, name)} title={`Everything that is known of ${name}`}>
          Open card
        </Link>
      ),
    },
  ];
}

interface AgainstProps {
  readonly variant: ModelVariantView;
  readonly answer: Answer<VariantCard> | undefined;
}

function AgainstFp32({ variant, answer }: AgainstProps) {
  if (variant.kind === "fp32" && variant.name === "fp32") return <span class="muted">the reference</span>;
  const accuracy = answer?.value?.accuracy;
  if (accuracy === undefined) return <span class="muted">{answer === undefined ? "…" : UNKNOWN}</span>;
  if (accuracy === null) return <span class="muted">not evaluated</span>;
  return (
    <span class="two-lines">
      <span>{formatPoints(accuracy.accuracy - accuracy.referenceAccuracy)} points</span>
      <span class="second">{chanceWords(accuracy.pValue)}</span>
    </span>
  );
}

function factsOf(view: ModelVersionView): Fact[] {
  const { manifest } = view;
  const { preprocessing } = manifest;
  return [
    ["Task", `${manifest.task}, ${plural(manifest.labels.length, "class", "classes")}`],
    ["Input", `image of ${preprocessing.width} x ${preprocessing.height}, ${preprocessing.colorOrder.toUpperCase()}`],
    ["Parameters", formatCount(view.parameters)],
    ["Multiplications", view.macs === null ? null : `${formatSignificant(view.macs / 1e6)} million for one image`],
    ["Size", formatBytes(view.bytes)],
    ["ONNX opset", String(view.opset)],
    [
      "Evaluation",
      manifest.evaluation.length === 0
        ? null
        : manifest.evaluation.map((each) => (
            <span key={`${each.dataset} ${each.metric}`} class="fact-line">
              {each.value <= 1 ? formatShare(each.value) : formatSignificant(each.value)} {each.metric} on{" "}
              {each.dataset} ({plural(each.samples, "sample", "samples")}), by its trainer
            </span>
          )),
    ],
    ["Licence", manifest.licence],
    ["Source", manifest.source],
    [
      "Content",
      <code key="digest" title={view.digest}>
        {shortDigest(view.digest)}
      </code>,
    ],
    ["Registered", <Ago key="created" at={view.createdAt} />],
  ];
}
