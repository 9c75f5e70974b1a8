import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** Properties of a {@link Field}. */
export interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  /** Draws the control with the attributes that tie the hint to it. */
  readonly children: (described: Described) => ComponentChildren;
}

/** Names the element that describes a control. */
export interface Described {
  readonly "aria-describedby"?: string;
}

/** A control with its label and what it means: a reader hears the label as its name and the hint as its description. */
export function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      {/* biome-ignore lint/a11y/noLabelWithoutControl: the control is what is put in */}
      <label>
        <span class="field-label">{label}</span>
        {children(hint === undefined ? {} : { "aria-describedby": id })}
      </label>
      {hint === undefined ? null : (
        <span id={id} class="muted small">
          {hint}
        </span>
      )}
    </div>
  );
}
