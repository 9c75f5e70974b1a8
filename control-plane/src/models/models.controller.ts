import { Body, Controller, Get, Param, Post, Query, Res } from "@nestjs/common";
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type ModelVersionRequest,
  type ModelVersionView,
  modelNameSchema,
  modelVersionRequestSchema,
  modelVersionSchema,
  modelVersionViewSchema,
  type Page,
  pageOf,
  ulidSchema,
} from "@sartor/shared/protocol";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { LeastRole } from "../http/index.js";
import { ModelsService } from "./models.service.js";

const listQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: ulidSchema.optional(),
});

const pageSchema = pageOf(modelVersionViewSchema).meta({ id: "ModelVersionPage" });

@ApiTags("models")
@Controller("api/v1/models")
export class ModelsController {
  constructor(private readonly models: ModelsService) {}

  @LeastRole("viewer", "shared")
  @Get()
  @ApiOperation({ summary: "All model versions, newest first" })
  @ApiOkResponse({ standardSchema: pageSchema })
  list(@Query({ schema: listQuerySchema }) query: z.infer<typeof listQuerySchema>): Promise<Page<ModelVersionView>> {
    return this.models.list(query.limit, query.cursor);
  }

  @LeastRole("viewer", "shared")
  @Get(":name/versions/:version")
  @ApiOperation({ summary: "One version of a model" })
  @ApiOkResponse({ standardSchema: modelVersionViewSchema })
  get(
    @Param("name", { schema: modelNameSchema }) name: string,
    @Param("version", { schema: modelVersionSchema }) version: string,
  ): Promise<ModelVersionView> {
    return this.models.get(name, version);
  }

  @LeastRole("operator", "shared")
  @Post(":name/versions")
  @ApiOperation({ summary: "Register a version out of uploaded content; sent again, it answers the same with 200" })
  @ApiCreatedResponse({ standardSchema: modelVersionViewSchema })
  @ApiOkResponse({ standardSchema: modelVersionViewSchema })
  async register(
    @Param("name", { schema: modelNameSchema }) name: string,
    @Body({ schema: modelVersionRequestSchema }) body: ModelVersionRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ModelVersionView> {
    const { created, version } = await this.models.register(name, body);
    reply.status(created ? 201 : 200);
    return version;
  }
}
