export { BlobStore, type ByteRange, type PutOptions, type StoredBlob } from "./blob-store.js";
export { FolderBlobStore } from "./folder-blob-store.js";
export { StorageModule } from "./storage.module.js";
