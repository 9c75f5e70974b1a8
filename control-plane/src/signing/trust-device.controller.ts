import { Controller, Get, Param, Res } from "@nestjs/common";
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import { SartorError } from "@sartor/shared/errors";
import {
  type Digest,
  deviceIdSchema,
  modelNameSchema,
  modelVersionSchema,
  ORDER_TARGET,
  type TrustRoots,
  trustRootsSchema,
} from "@sartor/shared/protocol";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { BundlesService } from "../bundles/index.js";
import { CurrentDevice, DeviceRoute } from "../http/index.js";
import { DirectorService } from "./director.service.js";
import { TrustStatusService } from "./trust-status.service.js";

/** What has a version or a hash in its name never changes, so any cache on the way may keep it. */
const FOR_EVER = "public, max-age=31536000, immutable";
const NEVER = "no-store";

/** `timestamp.json`, or another role's with its version in front: snapshots are consistent. */
const metadataFileSchema = z
  .string()
  .regex(
    /^(timestamp|[1-9]\d{0,15}\.[a-z0-9][a-z0-9-]{0,62})\.json$/,
    "expected timestamp.json or <version>.<role>.json",
  );
/** `<sha256>.<name>`. */
const targetFileSchema = z.string().regex(/^[0-9a-f]{64}\.[0-9a-f]{64}\.json$/, "expected <sha256>.<bundle id>.json");
const orderFileSchema = z.string().regex(/^[0-9a-f]{64}\.desired\.json$/, `expected <sha256>.${ORDER_TARGET}`);

/** Both TUF repositories as devices read them: the layout is TUF's, so that any client of it can. */
@ApiTags("trust")
@ApiBearerAuth("device")
@DeviceRoute()
@Controller("api/v1/trust")
export class TrustDeviceController {
  constructor(
    private readonly trust: TrustStatusService,
    private readonly director: DirectorService,
    private readonly bundles: BundlesService,
  ) {}

  @Get("roots")
  @ApiOperation({ summary: "The first root of either repository, which a device keeps from its enrolment on" })
  @ApiOkResponse({ standardSchema: trustRootsSchema })
  roots(): Promise<TrustRoots> {
    return this.trust.firstRoots();
  }

  @Get("image/metadata/:file")
  @ApiOperation({ summary: "Metadata of the image repository" })
  async imageMetadata(
    @Param("file", { schema: metadataFileSchema }) file: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { role, version } = partsOf(file);
    await sendJson(reply, await this.trust.text("image", role, version), version === undefined ? NEVER : FOR_EVER);
  }

  @Get("image/targets/:model/:version/:file")
  @ApiOperation({ summary: "A target of the image repository: a bundle's manifest" })
  async imageTarget(
    @Param("model", { schema: modelNameSchema }) model: string,
    @Param("version", { schema: modelVersionSchema }) version: string,
    @Param("file", { schema: targetFileSchema }) file: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.sendManifest(model, version, file, reply);
  }

  @Get("director/:deviceId/metadata/:file")
  @ApiOperation({ summary: "Metadata of the device's own director repository" })
  async directorMetadata(
    @Param("deviceId", { schema: deviceIdSchema }) deviceId: string,
    @Param("file", { schema: metadataFileSchema }) file: string,
    @CurrentDevice() current: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    requireOwn(deviceId, current);
    const { role, version } = partsOf(file);
    // The root is all devices'.
    if (role === "root") return sendJson(reply, await this.trust.text("director", "root", version), NEVER);
    if (role !== "targets" && role !== "snapshot" && role !== "timestamp") {
      throw new SartorError("SRT_NOT_FOUND", `The director has no role ${role}.`);
    }
    await sendJson(reply, await this.director.metadata(deviceId, role, version), NEVER);
  }

  @Get("director/:deviceId/targets/:file")
  @ApiOperation({ summary: "The device's order: its signed desired state" })
  async order(
    @Param("deviceId", { schema: deviceIdSchema }) deviceId: string,
    @Param("file", { schema: orderFileSchema }) file: string,
    @CurrentDevice() current: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    requireOwn(deviceId, current);
    await sendJson(reply, await this.director.order(deviceId, file.slice(0, 64)), NEVER);
  }

  @Get("director/:deviceId/targets/:model/:version/:file")
  @ApiOperation({ summary: "A bundle's manifest, by the director's name of it" })
  async directorTarget(
    @Param("deviceId", { schema: deviceIdSchema }) deviceId: string,
    @Param("model", { schema: modelNameSchema }) model: string,
    @Param("version", { schema: modelVersionSchema }) version: string,
    @Param("file", { schema: targetFileSchema }) file: string,
    @CurrentDevice() current: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    requireOwn(deviceId, current);
    await this.sendManifest(model, version, file, reply);
  }

  private async sendManifest(model: string, version: string, file: string, reply: FastifyReply): Promise<void> {
    const [hash, name] = file.split(".");
    const bundle = hash === name ? await this.bundles.find(`sha256:${hash}` as Digest) : undefined;
    if (bundle === undefined || bundle.model !== model || bundle.version !== version) {
      throw new SartorError("SRT_NOT_FOUND", `There is no target ${model}/${version}/${file}.`);
    }
    const stream = await this.bundles.open(bundle.bundleId, undefined);
    reply.headers({ "content-length": String(bundle.manifestBytes), "cache-control": FOR_EVER });
    await reply.type("application/json").send(stream);
  }
}

function partsOf(file: string): { readonly role: string; readonly version: number | undefined } {
  const [first = "", second] = file.split(".");
  return /^\d/.test(first) && second !== "json"
    ? { role: second ?? "", version: Number(first) }
    : { role: first, version: undefined };
}

function requireOwn(deviceId: string, current: string): void {
  if (deviceId === current) return;
  throw new SartorError("SRT_FORBIDDEN", "A device reads its own director repository only.");
}

async function sendJson(reply: FastifyReply, body: string | Buffer, cacheControl: string): Promise<void> {
  reply.headers({ "cache-control": cacheControl, "content-type": "application/json" });
  await reply.send(Buffer.from(body));
}
