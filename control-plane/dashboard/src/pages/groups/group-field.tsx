import { useId } from "preact/hooks";
import { useFleet } from "../../api/index.js";
import { Field } from "../../components/index.js";
import { groupsOf } from "./group-words.js";

/** Properties of a {@link GroupField}. */
export interface GroupFieldProps {
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly placeholder?: string;
  readonly required?: boolean;
  /** Longest text; that of one name by default. */
  readonly maximumLength?: number;
}

/** The name of a group: those that have devices are offered, and any other can be typed. */
export function GroupField({ label, hint, value, onChange, placeholder, required, maximumLength }: GroupFieldProps) {
  const { devices } = useFleet();
  const list = useId();
  return (
    <Field label={label} hint={hint}>
      {(described) => (
        <>
          <input
            {...described}
            type="text"
            list={list}
            value={value}
            maxLength={maximumLength ?? 63}
            required={required ?? false}
            placeholder={placeholder ?? ""}
            autocomplete="off"
            onInput={(event) => onChange(event.currentTarget.value)}
          />
          <datalist id={list}>
            {groupsOf(devices).map(({ group }) => (
              <option key={group} value={group} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
