import { Field } from "./field.js";

/** Properties of a {@link TextField}. */
export interface TextFieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly maximumLength: number;
  readonly required?: boolean;
  readonly placeholder?: string;
}

/** A line of text. */
export function TextField({ label, hint, value, onChange, maximumLength, required, placeholder }: TextFieldProps) {
  return (
    <Field label={label} {...(hint === undefined ? {} : { hint })}>
      {(described) => (
        <input
          {...described}
          type="text"
          value={value}
          maxLength={maximumLength}
          required={required ?? false}
          placeholder={placeholder ?? ""}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}
