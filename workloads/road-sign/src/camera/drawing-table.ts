/** A drawing of `mapillary_sprite_source`, by its file name without `.svg`. */
export interface DrawingSource {
  readonly name: string;
  /** Fill colours to exchange, in lower case, where the drawing differs from the German sign only by them. */
  readonly recolour?: Readonly<Record<string, string>>;
}

const drawings = (...names: string[]): readonly DrawingSource[] => names.map((name) => ({ name }));

/** Some speed limits are drawn with the yellow ground of Sweden and Finland; the German sign is white. */
const YELLOW_TO_WHITE = { "#ffd100": "#ffffff", gold: "#ffffff" };

/**
 * The drawings of each class, in class order. Chosen by looking at them: only drawings that a German driver would take for
 * the sign. The first of a class is the closest one.
 */
export const DRAWING_TABLE: readonly (readonly DrawingSource[])[] = [
  drawings("regulatory--maximum-speed-limit-20--g1"),
  drawings("regulatory--maximum-speed-limit-30--g1"),
  drawings("regulatory--maximum-speed-limit-50--g1"),
  [{ name: "regulatory--maximum-speed-limit-60--g1", recolour: YELLOW_TO_WHITE }],
  [{ name: "regulatory--maximum-speed-limit-70--g1", recolour: YELLOW_TO_WHITE }],
  drawings("regulatory--maximum-speed-limit-80--g1"),
  drawings("regulatory--end-of-maximum-speed-limit-80--g1"),
  drawings("regulatory--maximum-speed-limit-100--g1"),
  [{ name: "regulatory--maximum-speed-limit-120--g1", recolour: YELLOW_TO_WHITE }],
  drawings("regulatory--no-overtaking--g1"),
  drawings("regulatory--no-overtaking-by-heavy-goods-vehicles--g1"),
  drawings("warning--crossroads--g1"),
  drawings("regulatory--priority-road--g1"),
  drawings("regulatory--yield--g1"),
  drawings("regulatory--stop--g1"),
  drawings("regulatory--road-closed-to-vehicles--g3"),
  drawings("regulatory--no-heavy-goods-vehicles--g1"),
  drawings("regulatory--no-entry--g1"),
  drawings("warning--other-danger--g1"),
  drawings("warning--curve-left--g1"),
  drawings("warning--curve-right--g1"),
  drawings("warning--double-curve-first-left--g1", "warning--double-curve-first-right--g1"),
  drawings("warning--uneven-road--g1"),
  drawings("warning--slippery-road-surface--g1"),
  drawings("warning--road-narrows-right--g1"),
  drawings("warning--roadworks--g3"),
  drawings("warning--traffic-signals--g1"),
  drawings("warning--pedestrians-crossing--g5", "warning--pedestrians-crossing--g1"),
  drawings("warning--children--g1"),
  drawings("warning--bicycles-crossing--g1", "warning--bicycles-crossing--g4"),
  drawings("warning--icy-road--g1"),
  drawings("warning--wild-animals--g2", "warning--wild-animals--g1", "warning--wild-animals--g6"),
  drawings("regulatory--end-of-prohibition--g1"),
  drawings("regulatory--turn-right-ahead--g1"),
  drawings("regulatory--turn-left-ahead--g1"),
  drawings("regulatory--go-straight--g1"),
  drawings("regulatory--go-straight-or-turn-right--g1"),
  drawings("regulatory--go-straight-or-turn-left--g1"),
  drawings("regulatory--keep-right--g1"),
  drawings("regulatory--keep-left--g1"),
  drawings("regulatory--roundabout--g1"),
  drawings("regulatory--end-of-no-overtaking--g1"),
  drawings("regulatory--end-of-no-overtaking-by-heavy-goods-vehicles--g1"),
];
