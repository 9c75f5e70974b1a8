export { BundleInstaller, type DownloadProgress } from "./bundle-installer.js";
export { type BundleSource, HttpBundleSource } from "./bundle-source.js";
export { type Committed, DeploymentJournal, type DeploymentRecord } from "./deployment-journal.js";
export { type InstalledSlot, SLOT_NAMES, type SlotName, SlotStore } from "./slot-store.js";
