import { Body, Controller, Get, HttpCode, Param, Post, Query } from "@nestjs/common";
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  modelNameSchema,
  modelVersionSchema,
  type Page,
  pageOf,
  shortTextSchema,
  ulidSchema,
  type VariantBuildOrder,
  type VariantBuildView,
  type VariantCard,
  variantBuildRequestSchema,
  variantBuildViewSchema,
  variantCardSchema,
} from "@sartor/shared/protocol";
import { z } from "zod";
import { LeastRole } from "../http/index.js";
import { BuildsService } from "./builds.service.js";
import { VariantsService } from "./variants.service.js";

const listQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: ulidSchema.optional(),
});

const pageSchema = pageOf(variantBuildViewSchema).meta({ id: "VariantBuildPage" });

@ApiTags("variants")
@Controller("api/v1")
export class BuildsController {
  constructor(
    private readonly builds: BuildsService,
    private readonly variants: VariantsService,
  ) {}

  @LeastRole("operator", "shared")
  @Post("models/:name/versions/:version/builds")
  @HttpCode(202)
  @ApiOperation({ summary: "Have variants of a version built" })
  @ApiAcceptedResponse({ standardSchema: variantBuildViewSchema })
  order(
    @Param("name", { schema: modelNameSchema }) name: string,
    @Param("version", { schema: modelVersionSchema }) version: string,
    @Body({ schema: variantBuildRequestSchema }) body: VariantBuildOrder,
  ): Promise<VariantBuildView> {
    return this.builds.order(name, version, body);
  }

  @LeastRole("viewer", "shared")
  @Get("models/:name/versions/:version/builds")
  @ApiOperation({ summary: "All builds of a version, newest first" })
  @ApiOkResponse({ standardSchema: pageSchema })
  list(
    @Param("name", { schema: modelNameSchema }) name: string,
    @Param("version", { schema: modelVersionSchema }) version: string,
    @Query({ schema: listQuerySchema }) query: z.infer<typeof listQuerySchema>,
  ): Promise<Page<VariantBuildView>> {
    return this.builds.list(name, version, query.limit, query.cursor);
  }

  @LeastRole("viewer", "shared")
  @Get("models/:name/versions/:version/variants/:variant/card")
  @ApiOperation({ summary: "What is known of a variant: accuracy, cost, calibration, lineage" })
  @ApiOkResponse({ standardSchema: variantCardSchema })
  card(
    @Param("name", { schema: modelNameSchema }) name: string,
    @Param("version", { schema: modelVersionSchema }) version: string,
    @Param("variant", { schema: shortTextSchema }) variant: string,
  ): Promise<VariantCard> {
    return this.variants.card(name, version, variant);
  }

  @LeastRole("viewer", "shared")
  @Get("builds/:buildId")
  @ApiOperation({ summary: "One build and how far it is" })
  @ApiOkResponse({ standardSchema: variantBuildViewSchema })
  get(@Param("buildId", { schema: ulidSchema }) buildId: string): Promise<VariantBuildView> {
    return this.builds.view(buildId);
  }

  @LeastRole("operator", "shared")
  @Post("builds/:buildId/cancel")
  @HttpCode(200)
  @ApiOperation({ summary: "End a build at once; what it made stays offered" })
  @ApiOkResponse({ standardSchema: variantBuildViewSchema })
  cancel(@Param("buildId", { schema: ulidSchema }) buildId: string): Promise<VariantBuildView> {
    return this.builds.cancel(buildId);
  }
}
