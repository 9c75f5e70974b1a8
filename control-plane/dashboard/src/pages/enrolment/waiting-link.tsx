import { useConnection, useListChanges, useResource } from "../../api/index.js";
import { plural } from "../../format/index.js";
import { Link } from "../../router/index.js";

/** Leads to how devices get in; says how many wait for a person. */
export function WaitingLink() {
  const { client } = useConnection();
  const waiting = useResource("waiting devices", (signal) => client.identity.waiting(signal));
  useListChanges(["waiting_devices", "audit"], waiting.reload);
  const count = waiting.value?.length ?? 0;
  return (
    <Link to="/enrolment" class={count === 0 ? "" : "warn-text"}>
      {count === 0 ? "Enrolment" : plural(count, "device waits", "devices wait")}
    </Link>
  );
}
