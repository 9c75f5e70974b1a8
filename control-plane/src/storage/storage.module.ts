import { Global, Module } from "@nestjs/common";
import { Settings } from "../config/index.js";
import { BlobStore } from "./blob-store.js";
import { FolderBlobStore } from "./folder-blob-store.js";

/** The blob store. Global: inject `BlobStore`. */
@Global()
@Module({
  providers: [
    {
      provide: BlobStore,
      inject: [Settings],
      useFactory: (settings: Settings) => FolderBlobStore.open(settings.blobDir),
    },
  ],
  exports: [BlobStore],
})
export class StorageModule {}
