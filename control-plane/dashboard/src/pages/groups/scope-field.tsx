import { GroupField } from "./group-field.js";

/** Properties of a {@link ScopeField}. */
export interface ScopeFieldProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** Whose role it is: "the user". */
  readonly of: string;
}

/** Room for 64 names. */
const MOST_TEXT = 4_096;

/** The groups that a role is for, as text; read by `parseGroups`. */
export function ScopeField({ value, onChange, of }: ScopeFieldProps) {
  return (
    <GroupField
      label="Groups of devices"
      hint={`With spaces between. Of other groups ${of} sees nothing. Empty: all groups, those to come among them.`}
      placeholder="all groups"
      value={value}
      maximumLength={MOST_TEXT}
      onChange={onChange}
    />
  );
}
