import type { VariantCard } from "@sartor/shared/protocol";
import { Facts, Panel } from "../../components/index.js";
import {
  formatBytes,
  formatCount,
  formatLongDuration,
  formatSignificant,
  shortDigest,
  words,
} from "../../format/index.js";
import { Sentences } from "../tailoring/index.js";

/** What the variant costs in bytes and arithmetic. */
export function CostPanel({ card: { cost, network, buildMs } }: { readonly card: VariantCard }) {
  return (
    <Panel title="Cost">
      <Facts
        facts={[
          ["Size", formatBytes(cost.bytes)],
          ["Weights", formatCount(cost.weights)],
          ["Multiplications", `${formatSignificant(cost.macs / 1e6)} million for one image`],
          ["Memory at work", network.activationBytes === 0 ? null : `${formatBytes(network.activationBytes)} in fp32`],
          ["Kind of network", words(network.family)],
          ["Building took", formatLongDuration(buildMs)],
        ]}
      />
    </Panel>
  );
}

/** Where the variant comes from, by hashes. */
export function LineagePanel({ card: { lineage } }: { readonly card: VariantCard }) {
  return (
    <Panel title="Where it comes from">
      <Facts
        facts={[
          ["Uploaded model", <Digest key="model" digest={lineage.model} />],
          ["Folded model", <Digest key="folded" digest={lineage.folded} />],
          ["Calibration", lineage.calibration === null ? null : <Digest key="c" digest={lineage.calibration} />],
          ["Evaluation", lineage.evaluation === null ? null : <Digest key="e" digest={lineage.evaluation} />],
          ["Builder", lineage.builder],
          ["ONNX Runtime", lineage.onnxRuntimeVersion],
        ]}
      />
    </Panel>
  );
}

function Digest({ digest }: { readonly digest: string }) {
  return <code title={digest}>{shortDigest(digest)}</code>;
}

/** What whoever deploys the variant should know. */
export function NotesPanel({ card: { notes } }: { readonly card: VariantCard }) {
  if (notes.length === 0) return null;
  return (
    <Panel title="Worth knowing">
      <Sentences lines={notes} />
    </Panel>
  );
}
