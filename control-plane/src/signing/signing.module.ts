import { Module } from "@nestjs/common";
import { BundlesModule } from "../bundles/index.js";
import { Settings } from "../config/index.js";
import { ModelsModule } from "../models/index.js";
import { DirectorRepository } from "./director.repository.js";
import { DirectorService } from "./director.service.js";
import { FamilyRequests } from "./family-requests.service.js";
import { ImageRepository } from "./image-repository.service.js";
import { FileKeyStore, KeyStore } from "./key-store.js";
import { SignedBundles } from "./signed-bundles.service.js";
import { SigningRequests } from "./signing-requests.service.js";
import { TrustController } from "./trust.controller.js";
import { TrustRepository } from "./trust.repository.js";
import { TrustDeviceController } from "./trust-device.controller.js";
import { TrustStatusService } from "./trust-status.service.js";

/** What devices believe: the image repository, signed by keys that are offline, and each device's director repository. */
@Module({
  imports: [ModelsModule, BundlesModule],
  controllers: [TrustController, TrustDeviceController],
  providers: [
    {
      provide: KeyStore,
      inject: [Settings],
      useFactory: (settings: Settings) => FileKeyStore.open(settings.stateDir),
    },
    TrustRepository,
    DirectorRepository,
    ImageRepository,
    SigningRequests,
    FamilyRequests,
    DirectorService,
    SignedBundles,
    TrustStatusService,
  ],
  exports: [DirectorService, SignedBundles],
})
export class SigningModule {}
