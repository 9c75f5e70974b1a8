import type { TrustStatus, VersionTrust } from "@sartor/shared/protocol";
import {
  type Resource,
  useConnection,
  useLiveEvents,
  useRefresh,
  useResource,
  type VersionKey,
} from "../../api/index.js";

/** The live connection does not tell of signatures, ms. */
const REFRESH_MS = 10_000;

/** What is signed of a version, kept current. */
export function useVersionTrust(key: VersionKey): Resource<VersionTrust> {
  const { client } = useConnection();
  const { model, version } = key;
  const trust = useResource(`trust of ${model} ${version}`, (signal) => client.trust.version(key, signal));
  useRefresh(trust.reload, REFRESH_MS);
  useLiveEvents((event) => {
    if (event.type === "model" && event.model.model === model && event.model.version === version) trust.reload();
  });
  return trust;
}

/** The state of trust, kept current. */
export function useTrustStatus(): Resource<TrustStatus> {
  const { client } = useConnection();
  const status = useResource("trust", (signal) => client.trust.status(signal));
  useRefresh(status.reload, REFRESH_MS);
  return status;
}
