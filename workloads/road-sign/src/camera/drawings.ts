import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import sharp from "sharp";
import { DRAWING_TABLE, type DrawingSource } from "./drawing-table.js";
import { createTexture, type Texture } from "./texture.js";

/** The sign drawings as textures: for each class, in class order, at least one. */
export type Drawings = readonly (readonly Texture[])[];

/** Pixels across of the largest texture; a sign in a frame of 96 pixels still has one for each. */
const TEXTURE_SIZE = 128;

/**
 * Reads the drawings of all classes from the installed package `mapillary_sprite_source` and rasterises each once.
 *
 * @throws SartorError SRT_CONFIG_INVALID when the package or a drawing in it is missing
 */
export async function loadDrawings(): Promise<Drawings> {
  const folder = drawingFolder();
  return await Promise.all(
    DRAWING_TABLE.map((sources) => Promise.all(sources.map((source) => loadDrawing(folder, source)))),
  );
}

function drawingFolder(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve("mapillary_sprite_source/package.json");
    return join(dirname(manifest), "package_signs");
  } catch (cause) {
    throw new SartorError("SRT_CONFIG_INVALID", "The package mapillary_sprite_source is not installed: run npm ci.", {
      cause,
    });
  }
}

async function loadDrawing(folder: string, source: DrawingSource): Promise<Texture> {
  let svg: string;
  try {
    svg = await readFile(join(folder, `${source.name}.svg`), "utf8");
  } catch (cause) {
    throw new SartorError("SRT_CONFIG_INVALID", `mapillary_sprite_source has no readable drawing ${source.name}.`, {
      cause,
    });
  }
  for (const [from, to] of Object.entries(source.recolour ?? {})) svg = svg.replaceAll(from, to);
  // The drawings are small (24 units across): a high density keeps their edges sharp, a contained resize centres them.
  const rgba = await sharp(Buffer.from(svg), { density: 500 })
    .resize(TEXTURE_SIZE, TEXTURE_SIZE, { fit: "contain", background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .ensureAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer();
  return createTexture(rgba, TEXTURE_SIZE);
}
