import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from "@nestjs/common";
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type DatasetRequest,
  type DatasetView,
  datasetRequestSchema,
  datasetViewSchema,
  modelNameSchema,
  type Page,
  pageOf,
  ulidSchema,
} from "@sartor/shared/protocol";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { LeastRole } from "../http/index.js";
import { DatasetsService } from "./datasets.service.js";

const listQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: ulidSchema.optional(),
});

const pageSchema = pageOf(datasetViewSchema).meta({ id: "DatasetPage" });

@ApiTags("datasets")
@Controller("api/v1/models/:name/datasets")
export class DatasetsController {
  constructor(private readonly datasets: DatasetsService) {}

  @LeastRole("operator", "shared")
  @Post()
  @ApiOperation({ summary: "Add samples out of uploaded content; sent again, it answers the same with 200" })
  @ApiCreatedResponse({ standardSchema: datasetViewSchema })
  @ApiOkResponse({ standardSchema: datasetViewSchema })
  async add(
    @Param("name", { schema: modelNameSchema }) name: string,
    @Body({ schema: datasetRequestSchema }) body: DatasetRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DatasetView> {
    const { created, dataset } = await this.datasets.add(name, body);
    reply.status(created ? 201 : 200);
    return dataset;
  }

  @LeastRole("viewer", "shared")
  @Get()
  @ApiOperation({ summary: "All datasets of a model, newest first" })
  @ApiOkResponse({ standardSchema: pageSchema })
  list(
    @Param("name", { schema: modelNameSchema }) name: string,
    @Query({ schema: listQuerySchema }) query: z.infer<typeof listQuerySchema>,
  ): Promise<Page<DatasetView>> {
    return this.datasets.list(name, query.limit, query.cursor);
  }

  @LeastRole("viewer", "shared")
  @Get(":datasetId")
  @ApiOperation({ summary: "One dataset" })
  @ApiOkResponse({ standardSchema: datasetViewSchema })
  get(
    @Param("name", { schema: modelNameSchema }) name: string,
    @Param("datasetId", { schema: ulidSchema }) datasetId: string,
  ): Promise<DatasetView> {
    return this.datasets.get(name, datasetId);
  }

  @LeastRole("operator", "shared")
  @Delete(":datasetId")
  @HttpCode(204)
  @ApiOperation({ summary: "Forget a dataset that no build reads; variants that were made with it stay" })
  @ApiNoContentResponse()
  remove(
    @Param("name", { schema: modelNameSchema }) name: string,
    @Param("datasetId", { schema: ulidSchema }) datasetId: string,
  ): Promise<void> {
    return this.datasets.remove(name, datasetId);
  }
}
