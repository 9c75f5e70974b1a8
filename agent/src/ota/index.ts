export { BundleFolder, type InstalledBundle } from "./bundle-folder.js";
export { BundleInstaller, type BundleInstallerOptions, type DownloadProgress } from "./bundle-installer.js";
export { type BundleSource, HttpBundleSource } from "./bundle-source.js";
export { CandidateStore, type CandidateStoreOptions } from "./candidate-store.js";
export { type Committed, DeploymentJournal, type DeploymentRecord } from "./deployment-journal.js";
export { type InstalledSlot, SLOT_NAMES, type SlotName, SlotStore } from "./slot-store.js";
