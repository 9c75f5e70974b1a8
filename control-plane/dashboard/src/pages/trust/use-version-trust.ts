import type { TrustStatus, VersionTrust } from "@sartor/shared/protocol";
import {
  type Resource,
  useConnection,
  useListChanges,
  useLiveEvents,
  useResource,
  type VersionKey,
} from "../../api/index.js";

/** What is signed of a version, kept current. */
export function useVersionTrust(key: VersionKey): Resource<VersionTrust> {
  const { client } = useConnection();
  const { model, version } = key;
  const trust = useResource(`trust of ${model} ${version}`, (signal) => client.trust.version(key, signal));
  useListChanges(["trust"], trust.reload);
  useLiveEvents((event) => {
    if (event.type === "model" && event.model.model === model && event.model.version === version) trust.reload();
  });
  return trust;
}

/** The state of trust, kept current. */
export function useTrustStatus(): Resource<TrustStatus> {
  const { client } = useConnection();
  const status = useResource("trust", (signal) => client.trust.status(signal));
  useListChanges(["trust"], status.reload);
  return status;
}
