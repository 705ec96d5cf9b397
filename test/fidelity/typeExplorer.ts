/** A JSON schema, as far as types are translated into one. */
export interface Schema {
  $ref?: string;
  anyOf?: Schema[];
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
}

/** A value for a field whose type has no alternatives: a string, number, boolean, or anything (`undefined`). */
export type Sample = (field: string, type: string | undefined) => unknown;

/** A place within a type: its values, and how one becomes part of the complete value. */
interface Place {
  name: string;
  field: string;
  schema: Schema;
  /** The definitions that contain it. */
  trail: Schema[];
  whole: (value: unknown) => unknown;
}

/**
 * Walks through a type breadth first, so that each definition is explored where it is reached first. Elsewhere, each
 * union member is used once, and a recursive definition is left plain.
 */
export class Explorer {
  readonly #definitions: Record<string, Schema>;
  readonly #sample: Sample;
  readonly #seen = new Set<Schema>();

  constructor(definitions: Record<string, Schema>, sample: Sample) {
    this.#definitions = definitions;
    this.#sample = sample;
  }

  /** Values of a definition that differ from the plain one in one choice, with the name of that choice. */
  *explore(definition: string, name: string): Generator<[name: string, value: unknown]> {
    const places: Place[] = [
      { name, field: "", schema: { $ref: `#/definitions/${definition}` }, trail: [], whole: (value) => value },
    ];
    for (let place = places.shift(); place; place = places.shift()) {
      const { name, field, schema, whole } = place;
      const target = this.#resolve(schema);
      const members = alternatives(target);
      if (members.length === 0) yield [name, whole(this.#plain(target, field))];
      const isNew = target === schema || !this.#seen.has(target);
      this.#seen.add(target);
      if (place.trail.includes(target)) continue;
      const trail = target === schema ? place.trail : [...place.trail, target];
      const inner = { ...place, trail };
      for (const member of members) places.push({ ...inner, name: `${name}: ${this.#label(member)}`, schema: member });
      if (isNew) places.push(...this.#parts(target, inner));
    }
  }

  /** The places in a list or an object. */
  *#parts(target: Schema, place: Place): Generator<Place> {
    const { name, field, whole } = place;
    if (target.items) {
      yield { ...place, schema: target.items, whole: (value) => whole([value]) };
      yield { ...place, name: `${name}: none`, schema: { const: [] } };
    }
    if (target.type !== "object") return;
    const plain = this.#plain(target, field) as object;
    const fields = { ...target.properties };
    if (typeof target.additionalProperties === "object") fields.additional = target.additionalProperties;
    for (const [key, schema] of Object.entries(fields)) {
      yield {
        ...place,
        name: `${name} > ${key}`,
        field: key,
        schema,
        whole: (value) => whole({ ...plain, [key]: value }),
      };
    }
  }

  /** The value with the fewest fields, and the first alternative everywhere. */
  #plain(schema: Schema, field: string): unknown {
    const target = this.#resolve(schema);
    if ("const" in target) return target.const;
    const [first] = alternatives(target);
    if (first) return this.#plain(first, field);
    if (target.items) return [this.#plain(target.items, field)];
    if (target.type !== "object") return this.#sample(field, target.type as string | undefined);
    const required = Object.entries(target.properties ?? {}).filter(([key]) => target.required?.includes(key));
    return Object.fromEntries(required.map(([key, inner]) => [key, this.#plain(inner, key)]));
  }

  #resolve(schema: Schema): Schema {
    if (schema.$ref === undefined) return schema;
    const target = this.#definitions[decodeURIComponent(schema.$ref.replace("#/definitions/", ""))];
    if (!target) throw new Error(`A type without a definition: ${schema.$ref}`);
    return this.#resolve(target);
  }

  /** A union member, as its type distinguishes it. */
  #label(member: Schema): string {
    const target = this.#resolve(member);
    if ("const" in target) return String(target.const);
    const { type, role } = target.properties ?? {};
    const discriminator = type?.const ?? role?.const;
    if (discriminator !== undefined) return String(discriminator);
    return member.$ref?.replace("#/definitions/", "") ?? String(target.type ?? "anything");
  }
}

function alternatives(schema: Schema): Schema[] {
  if (schema.anyOf) return schema.anyOf;
  if (schema.enum) return schema.enum.map((value) => ({ const: value }));
  if (Array.isArray(schema.type)) return schema.type.map((type) => ({ type }));
  return schema.type === "boolean" && !("const" in schema) ? [{ const: true }, { const: false }] : [];
}
