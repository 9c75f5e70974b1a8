import { Field } from "./field.js";

/** Properties of a {@link PasswordField}. */
export interface PasswordFieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** What password managers make of it. */
  readonly kind: "current-password" | "new-password";
}

/** Longest password that the control plane takes, characters. */
const LONGEST = 256;

/** A password as it is typed. */
export function PasswordField({ label, hint, value, onChange, kind }: PasswordFieldProps) {
  return (
    <Field label={label} {...(hint === undefined ? {} : { hint })}>
      {(described) => (
        <input
          {...described}
          type="password"
          autocomplete={kind}
          value={value}
          maxLength={LONGEST}
          required
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}
