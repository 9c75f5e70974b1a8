import type { ComponentChildren } from "preact";
import { UNKNOWN } from "../format/index.js";

/** A name and its value; null and undefined are left out, so that only known facts take room. */
export type Fact = readonly [name: string, value: ComponentChildren];

/** A list of facts. With `keep`, unknown ones stay as a dash. */
export function Facts({ facts, keep = false }: { readonly facts: readonly Fact[]; readonly keep?: boolean }) {
  const shown = keep ? facts : facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return (
    <dl class="facts">
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value ?? <span class="unknown">{UNKNOWN}</span>}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Properties of a {@link Panel}. */
export interface PanelProps {
  readonly title: string;
  readonly class?: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A titled part of a page. */
export function Panel({ title, aside, children, ...rest }: PanelProps) {
  return (
    <section class={`panel ${rest.class ?? ""}`} aria-label={title}>
      <header class="panel-head">
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
