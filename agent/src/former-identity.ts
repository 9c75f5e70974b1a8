import { z } from "zod";
import type { DeviceIdentity } from "./identity/index.js";
import { TUNING_RECORD_KEY } from "./lazy-tuner.js";
import type { DeploymentJournal } from "./ota/index.js";
import { ORDER_KEY } from "./reconcile/index.js";
import type { OutboxStore, SettingsStore } from "./storage/index.js";

const DEVICE_KEY = "identity.deviceId";
const ENROLMENT_KEY = "identity.enrolmentId";
/** What belongs to an identity and not to the machine. */
const KEYS_OF_IDENTITY = [
  "reported.sequence",
  "telemetry.stream",
  "events.sequence",
  "tuning.sequence",
  TUNING_RECORD_KEY,
] as const;

/**
 * A device that was enrolled anew has no order, and nothing that former orders began is gone on with; under another name it starts with an
 * empty outbox, too. The installed bundle is the machine's and stays.
 */
export function forgetFormerIdentity(
  { deviceId, enrolmentId }: Pick<DeviceIdentity, "deviceId" | "enrolmentId">,
  store: SettingsStore,
  outbox: OutboxStore,
  journal: DeploymentJournal,
): void {
  const former = store.load(DEVICE_KEY, z.string());
  if (former === deviceId && store.load(ENROLMENT_KEY, z.string()) === enrolmentId) return;
  outbox.atomically(() => {
    if (former !== undefined) {
      store.remove(ORDER_KEY);
      journal.forgetReleases();
    }
    if (former !== undefined && former !== deviceId) {
      outbox.clear();
      for (const key of KEYS_OF_IDENTITY) store.remove(key);
    }
    store.save(DEVICE_KEY, deviceId);
    if (enrolmentId === undefined) store.remove(ENROLMENT_KEY);
    else store.save(ENROLMENT_KEY, enrolmentId);
  });
}
