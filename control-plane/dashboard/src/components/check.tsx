import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** Properties of a {@link Check}. */
export interface CheckProps {
  readonly label: ComponentChildren;
  readonly hint?: string | undefined;
  readonly checked: boolean;
  readonly disabled?: boolean;
  readonly onChange: (checked: boolean) => void;
}

/** A box to tick with its label and what it means. */
export function Check({ label, hint, checked, disabled, onChange }: CheckProps) {
  const id = useId();
  const described = hint === undefined ? {} : { "aria-describedby": `${id}-hint` };
  return (
    <div class="check">
      <input
        {...described}
        id={id}
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <div>
        <label for={id}>{label}</label>
        {hint === undefined ? null : (
          <span id={`${id}-hint`} class="muted small check-hint">
            {hint}
          </span>
        )}
      </div>
    </div>
  );
}
