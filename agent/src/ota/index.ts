export type { DownloadProgress } from "./bundle-download.js";
export { BundleFolder, type InstalledBundle } from "./bundle-folder.js";
export { BundleInstaller, type BundleInstallerOptions } from "./bundle-installer.js";
export {
  type BundleSource,
  type ChunkContent,
  type DeltaReply,
  type DeltaRequest,
  HttpBundleSource,
  LONG_PATIENCE,
  type OrderedBundle,
  type Patience,
} from "./bundle-source.js";
export { CandidateStore, type CandidateStoreOptions } from "./candidate-store.js";
export { type Committed, DeploymentJournal, type DeploymentRecord } from "./deployment-journal.js";
export { downloadBounded, type MetadataTransport } from "./metadata/bounded-download.js";
export { DeviceTrust, type DeviceTrustOptions } from "./metadata/device-trust.js";
export type { TargetStatement, VerifiedBundle } from "./metadata/match-bundle.js";
export { type FreshMetadata, MetadataStore, type MetadataStoreOptions } from "./metadata/metadata-store.js";
export { RETRIEVAL_LIMITS, type RetrievalLimits } from "./metadata/retrieval-limits.js";
export { type Enrolment, removeFormerTrust, trustFolderOf } from "./metadata/trust-folder.js";
export {
  type OrderResult,
  TrustedOrders,
  type TrustedOrdersOptions,
  type VerifiedOrder,
} from "./metadata/trusted-orders.js";
export { TrustedTime, type TrustedTimeOptions } from "./metadata/trusted-time.js";
export { type NearbySource, NearestSource, type NearestSourceOptions } from "./nearest-source.js";
export { OrderFollower, type OrderFollowerOptions } from "./order-follower.js";
export {
  ContentStore,
  fetchFrom,
  getFromOwnCache,
  InstalledContent,
  SiteCache,
  SiteCacheServer,
} from "./site-cache/index.js";
export { type InstalledSlot, SLOT_NAMES, type SlotName, SlotStore } from "./slot-store.js";
