import type { VariantCard } from "@sartor/shared/protocol";
import { BarList, Panel } from "../../components/index.js";
import { formatDecibels, plural } from "../../format/index.js";

/** Signal to noise at which a bar is full, dB: beyond it a layer costs nothing that anyone could measure. */
const FULL_DECIBELS = 60;

/** What each layer loses by itself, the worst first. */
export function SignalPanel({ card: { signal } }: { readonly card: VariantCard }) {
  if (signal === null) return null;
  const layers = [...signal.layers].sort((left, right) => left.decibels - right.decibels);
  return (
    <Panel title="Precision by layer, worst first">
      <p>
        <b>{formatDecibels(signal.outputDecibels)}</b> signal to noise at the output, against fp32.{" "}
        <span class="muted">Short bars are the layers that lose most; each 6 dB halve the error.</span>
      </p>
      <BarList
        label="Signal to noise of each layer"
        what="layers"
        first={14}
        lines={layers.map(({ name, operator, decibels }) => ({
          key: name,
          name,
          hint: `${operator} ${name}`,
          share: decibels / FULL_DECIBELS,
          value: formatDecibels(decibels),
        }))}
      />
    </Panel>
  );
}

/** Layers that are not what the variant's kind says, and why. */
export function LayersPanel({ card: { floatLayers, keptLayers } }: { readonly card: VariantCard }) {
  if (floatLayers.length === 0 && keptLayers.length === 0) return null;
  return (
    <Panel title="Layers left in fp32">
      {floatLayers.length === 0 ? null : (
        <>
          <p>
            {plural(floatLayers.length, "layer went", "layers went")} back to fp32 to hold the accuracy that was asked
            for, the worst first:
          </p>
          <ol class="sentences">
            {floatLayers.map((name) => (
              <li key={name}>
                <code class="wrap">{name}</code>
              </li>
            ))}
          </ol>
        </>
      )}
      {keptLayers.length === 0 ? null : (
        <details class="fold">
          <summary>{plural(keptLayers.length, "layer", "layers")} that this kind of variant does not change</summary>
          <ul class="sentences">
            {keptLayers.map(({ name, reason }) => (
              <li key={name}>
                <code class="wrap">{name}</code>: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}
