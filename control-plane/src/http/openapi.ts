import type { INestApplication } from "@nestjs/common";
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from "@nestjs/swagger";
import { errorReplySchema } from "@sartor/shared/protocol";

/** OpenAPI 3.1 knows it, the library's typings do not yet. */
const MUTUAL_TLS = {
  type: "mutualTLS",
  description: "The device's certificate, at the devices' address",
} as unknown as SecuritySchemeObject;
type SecuritySchemeObject = Parameters<DocumentBuilder["addSecurity"]>[1];

/** Serves the description of the REST interface at `/api/openapi.json`; it is built when it is first asked for. */
export function serveOpenApi(app: INestApplication, version: string): void {
  const base = new DocumentBuilder()
    .setTitle("Sartor control plane")
    .setDescription("Devices, models, bundles, rollouts and telemetry. Every error has a stable code.")
    .setVersion(version)
    .setOpenAPIVersion("3.1.0")
    .addBearerAuth({ type: "http", scheme: "bearer", description: "The operator's token" }, "operator")
    .addSecurity("device", MUTUAL_TLS)
    .addSecurityRequirements("operator")
    .addGlobalResponse({
      status: "default",
      description: "An error with a stable code",
      standardSchema: errorReplySchema,
    })
    .build();
  let document: OpenAPIObject | undefined;
  SwaggerModule.setup(
    "api/docs",
    app,
    () => {
      document ??= withoutEmptyRequirements(SwaggerModule.createDocument(app, base));
      return document;
    },
    { ui: false, raw: ["json"], jsonDocumentUrl: "api/openapi.json" },
  );
}

/** Public routes are marked by a requirement that asks for nothing; `security: []` says the same and is what readers know. */
function withoutEmptyRequirements(document: OpenAPIObject): OpenAPIObject {
  for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path as object))) {
    const { security } = operation as { security?: object[] };
    if (security?.some((requirement) => Object.keys(requirement).length === 0)) operation.security = [];
  }
  return document;
}
