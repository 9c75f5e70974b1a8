import { Field } from "./field.js";

/** Properties of a {@link NumberField}. */
export interface NumberFieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly unit: string;
  /** The text as it stands; empty for no value. */
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly minimum: number;
  readonly maximum: number;
  readonly step?: number | "any";
  readonly required?: boolean;
  readonly placeholder?: string;
}

/** A number with its unit; the browser holds it to its bounds. */
export function NumberField({ label, hint, unit, value, onChange, minimum, maximum, ...rest }: NumberFieldProps) {
  return (
    <Field label={label} {...(hint === undefined ? {} : { hint })}>
      {(described) => (
        <span class="number-input">
          <input
            {...described}
            type="number"
            value={value}
            min={minimum}
            max={maximum}
            step={rest.step ?? "any"}
            required={rest.required ?? false}
            placeholder={rest.placeholder ?? ""}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
          <span class="muted">{unit}</span>
        </span>
      )}
    </Field>
  );
}
