import { Module } from "@nestjs/common";
import { ModelsModule } from "../models/index.js";
import { VariantsRepository } from "./variants.repository.js";
import { VariantsService } from "./variants.service.js";

/** What is made out of a model version for the different devices. */
@Module({ imports: [ModelsModule], providers: [VariantsRepository, VariantsService], exports: [VariantsService] })
export class VariantsModule {}
