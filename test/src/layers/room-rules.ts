import { ROOM_ORDERS, ROOMS_OF_ROOMS } from "./layer-table.js";
import type { ImportContext, ImportRule } from "./rule.js";
import type { SourceFile } from "./source-tree.js";

/** Helpers of tests stand above every room; the rule testing-apart keeps all others from importing them. */
export const TESTING = "testing";

/** Rules about the rooms within one package. */
export const roomRules: readonly ImportRule[] = [
  {
    id: "room-order",
    why: "",
    instead: "",
    check: (context) => {
      const rooms = roomsOf(context);
      if (rooms === undefined || rooms.from.room === rooms.to.room || rooms.from.room === undefined) return undefined;
      if (rooms.from.room === TESTING) return undefined;
      const { why, instead } = rooms.order;
      if (rooms.to.room === undefined) {
        return { what: `${rooms.from.room}/ imports the composition root ${rooms.to.path}`, why, instead };
      }
      if (rooms.tier(rooms.to.room) === -1 || rooms.to.room === TESTING) return undefined; // reported once, where that room lies
      const [own, other] = [rooms.tier(rooms.from.room), rooms.tier(rooms.to.room)];
      if (other < own) return undefined;
      const relation = other === own ? "a room beside it" : "a room above it";
      return { what: `${rooms.from.room}/ imports ${rooms.to.room}/, ${relation}`, why, instead };
    },
  },
  {
    id: "room-door",
    why: "a room is entered through its index.ts, so that what lies behind it can move",
    instead: "export it from that index.ts and import the index",
    check: (context) => {
      const rooms = roomsOf(context);
      if (rooms === undefined || rooms.to.room === TESTING) return undefined;
      const door = doorOf(rooms.to);
      if (door === undefined || door === doorOf(rooms.from) || rooms.to.inSource === `${door}/index.ts`)
        return undefined;
      // A room's helpers of tests have a door of their own; the rule testing-apart says who may use it.
      if (rooms.to.inSource === `${door}/${TESTING}/index.ts`) return undefined;
      return { what: `imports ${rooms.to.path} past ${door}/index.ts` };
    },
  },
];

function roomsOf({ from, target }: ImportContext) {
  if (target.kind !== "source" || target.file.package !== from.package) return undefined;
  if (from.inSource === undefined || target.file.inSource === undefined) return undefined;
  const order = ROOM_ORDERS.find((entry) => entry.package === from.package.name);
  if (order === undefined) return undefined;
  return {
    from,
    to: target.file,
    order,
    tier: (room: string) => order.tiers.findIndex((tier) => tier.includes(room)),
  };
}

/** The folder whose index.ts guards a file: its room, or the room within a room; undefined for composition roots. */
function doorOf(file: SourceFile): string | undefined {
  if (file.room === undefined || file.inSource === undefined) return undefined;
  const nested = ROOMS_OF_ROOMS[file.package.name]?.includes(file.room) ?? false;
  const parts = file.inSource.split("/");
  return nested && parts.length > 2 ? parts.slice(0, 2).join("/") : file.room;
}
