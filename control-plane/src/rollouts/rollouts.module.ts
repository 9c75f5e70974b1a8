import { Module } from "@nestjs/common";
import { BundlesModule } from "../bundles/index.js";
import { DevicesModule } from "../devices/index.js";
import { IngestModule } from "../ingest/index.js";
import { ModelsModule } from "../models/index.js";
import { SigningModule } from "../signing/index.js";
import { TailoringModule } from "../tailoring/index.js";
import { VariantsModule } from "../variants/index.js";
import { BundleCollector } from "./bundle-collector.service.js";
import { BundleNeedsRepository } from "./bundle-needs.repository.js";
import { DeploymentChanges } from "./deployment-changes.service.js";
import { DeploymentsRepository } from "./deployments.repository.js";
import { DesiredPublisher } from "./desired-publisher.service.js";
import { DesiredStatesRepository } from "./desired-states.repository.js";
import { DeviceTuningsController } from "./device-tunings.controller.js";
import { InstallableBundles } from "./installable-bundles.service.js";
import { RolloutExecutor } from "./rollout-executor.service.js";
import { RolloutsController } from "./rollouts.controller.js";
import { RolloutsRepository } from "./rollouts.repository.js";
import { RolloutsService } from "./rollouts.service.js";
import { TuningFlow } from "./tuning-flow.service.js";
import { VariantChooser } from "./variant-chooser.service.js";

/** Rollouts: what operators want, what devices are told, what they did. */
@Module({
  imports: [IngestModule, DevicesModule, ModelsModule, VariantsModule, TailoringModule, BundlesModule, SigningModule],
  controllers: [RolloutsController, DeviceTuningsController],
  providers: [
    RolloutsRepository,
    DeploymentsRepository,
    DesiredStatesRepository,
    BundleNeedsRepository,
    BundleCollector,
    DeploymentChanges,
    DesiredPublisher,
    InstallableBundles,
    VariantChooser,
    TuningFlow,
    RolloutExecutor,
    RolloutsService,
  ],
  exports: [RolloutsService],
})
export class RolloutsModule {}
