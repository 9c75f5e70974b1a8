import type { VariantCard } from "@sartor/shared/protocol";
import { DataTable, Facts, Panel } from "../../components/index.js";
import { formatCount, formatDecibels, formatShare, plural } from "../../format/index.js";

/** How the ranges of activations were found, and what else was tried. */
export function CalibrationPanel({ card: { calibration } }: { readonly card: VariantCard }) {
  if (calibration === null) return null;
  const tried = [...calibration.tried].sort((left, right) => right.decibels - left.decibels);
  return (
    <Panel title="Calibration">
      <Facts
        facts={[
          ["Samples", `${formatCount(calibration.dataset.samples)} of ${calibration.dataset.name}`],
          ["Method", calibration.method],
          ["Bias corrected", calibration.biasCorrected ? "yes" : "no"],
          ["Evened out", plural(calibration.equalisedPairs, "pair of layers", "pairs of layers")],
        ]}
      />
      {tried.length === 0 ? null : (
        <details class="fold">
          <summary>{plural(tried.length, "way was", "ways were")} tried</summary>
          <DataTable
            label="Ways that were tried"
            rows={tried}
            keyOf={({ method, biasCorrected, equalised }) => `${method} ${biasCorrected} ${equalised}`}
            marked={(way) =>
              way.method === calibration.method &&
              way.biasCorrected === calibration.biasCorrected &&
              way.equalised === calibration.equalisedPairs > 0
            }
            columns={[
              { header: "Method", render: ({ method }) => method },
              { header: "Bias", render: ({ biasCorrected }) => (biasCorrected ? "corrected" : "as it was") },
              { header: "Ranges", render: ({ equalised }) => (equalised ? "evened out" : "as they were") },
              { header: "Signal to noise", numeric: true, render: ({ decibels }) => formatDecibels(decibels) },
            ]}
          />
        </details>
      )}
    </Panel>
  );
}

/** What ONNX Runtime made of the variant on the machine that built it. */
export function FusionPanel({ card: { fusion } }: { readonly card: VariantCard }) {
  if (fusion === null) return null;
  const { unfused } = fusion;
  return (
    <Panel title="What really runs in 8 bits">
      <Facts
        facts={[
          ["8-bit operators", formatCount(fusion.int8Nodes)],
          ["Conversions left", `${formatCount(fusion.conversions)}, each costs time at every run`],
          ["Checked on", fusion.processor],
        ]}
      />
      {unfused.length === 0 ? (
        <p class="good-text">No operator stayed in floating point between 8-bit ones.</p>
      ) : (
        <details class="fold" open={unfused.length <= 6}>
          <summary>{plural(unfused.length, "operator", "operators")} stayed in floating point</summary>
          <ul class="sentences">
            {unfused.map(({ name, operator, reason }) => (
              <li key={name}>
                <code class="wrap">{name}</code> ({operator}): {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}

/** What was removed of a pruned variant. */
export function PruningPanel({ card: { pruning } }: { readonly card: VariantCard }) {
  if (pruning === null) return null;
  return (
    <Panel title="Pruning">
      <p>
        {plural(pruning.removedChannels, "channel", "channels")} removed, {formatShare(pruning.share)} of those that
        could be.
      </p>
      <details class="fold">
        <summary>{plural(pruning.layers.length, "layer", "layers")} became narrower</summary>
        <DataTable
          label="Layers that became narrower"
          rows={pruning.layers}
          keyOf={({ name }) => name}
          columns={[
            { header: "Layer", render: ({ name }) => <code class="wrap">{name}</code> },
            { header: "Before", numeric: true, render: ({ before }) => formatCount(before) },
            { header: "After", numeric: true, render: ({ after }) => formatCount(after) },
          ]}
        />
      </details>
    </Panel>
  );
}
