/** Write gristmill plugins in JavaScript and TypeScript: what is read, what is written, and a function from one to the other. */

/** JSON text. Read: a value in the typed form of Firestore's REST API, `{"integerValue":"7"}`. */
export type JsonText = string;
/** Microseconds since 1970-01-01T00:00:00Z, UTC. */
export type Micros = bigint;
/** What a plugin may be told of the type of a field. */
export type FieldType =
  | "null"
  | "boolean"
  | "integer"
  | "double"
  | "timestamp"
  | "string"
  | "bytes"
  | "reference"
  | "geoPoint"
  | "array"
  | "map"
  | "vector"
  | "other";

/** What the values of a type are when they are read, written, and set. */
interface Values {
  read: unknown;
  write: unknown;
  set: unknown;
  /** The kind of the column that is read, and what whole columns are written from. */
  column: unknown;
}

declare const values: unique symbol;

/** A declared type. Each method gives a new one. */
export interface Type<V extends Values = Values, Default extends boolean = boolean> {
  readonly [values]: V;
  readonly kind: string;
  readonly nullable: boolean;
  /** It may be missing or null. A record without what is not optional is refused before it comes to the plugin. */
  optional(): Type<Optional<V>, Default>;
  /** For people: of a column, or of a setting. */
  describe(text: string): Type<V, Default>;
  /** Of a setting: what it is where nothing is given. */
  default(value: V["set"]): Type<V, true>;
}

interface Optional<V extends Values> extends Values {
  read: V["read"] | null;
  write: V["write"] | null;
  set: V["set"];
  column: V["column"];
}

interface Of<Read, Write = Read, Column = null, Set = Read> extends Values {
  read: Read;
  write: Write;
  set: Set;
  column: Column;
}

type ReadOf<T> = T extends Type<infer V> ? V["read"] : never;
type WriteOf<T> = T extends Type<infer V> ? V["write"] : never;
type ColumnOf<T> = T extends Type<infer V> ? V["column"] : never;
type SetOf<T> = T extends Type<infer V> ? V["set"] : never;

/** The types. */
export const t: {
  readonly boolean: Type<Of<boolean, boolean, Uint8Array>, false>;
  /** A `bigint`; for a column also a whole `number`. */
  readonly int64: Type<Of<bigint, bigint | number, BigInt64Array>, false>;
  readonly float64: Type<Of<number, number, Float64Array>, false>;
  /** A `bigint` of microseconds; for a column also a `Date`. */
  readonly timestamp: Type<Of<Micros, Micros | Date, BigInt64Array>, false>;
  /** Days since 1970-01-01, for columns. */
  readonly date: Type<Of<number, number, Int32Array>, false>;
  readonly string: Type<Of<string>, false>;
  readonly bytes: Type<Of<Uint8Array>, false>;
  /** JSON text; as a setting the value itself. */
  readonly json: Type<Of<JsonText, JsonText, null, any>, false>;
  /** The name of a document that a field refers to. */
  readonly reference: Type<Of<string>, false>;
  /** An array. */
  list<T extends Type>(element: T): Type<Of<ReadOf<T>[], readonly WriteOf<T>[]>, false>;
  /** A map. Fields that are not declared are skipped. */
  struct<const F extends Record<string, Type>>(
    fields: F,
  ): Type<Of<{ -readonly [K in keyof F]: ReadOf<F[K]> }, { readonly [K in keyof F]: WriteOf<F[K]> }>, false>;
};

declare const input: unique symbol;

/** A declared input: where its value comes from, and its type. */
export interface Input<T extends Type = Type> {
  readonly [input]: T;
  readonly type: T;
}

/**
 * The field at a path, `"contact.email"`, or with its steps as they are, `["a.b", "c"]`. With `mismatch: "null"` it is null
 * where it has another type.
 */
export function field<T extends Type>(
  path: string | readonly string[],
  type: T,
  options?: { mismatch?: "reject" | "null" },
): Input<T>;
/** What the `{name}` of the pattern stands for; without a name, that of the input. */
export function capture(name?: string): Input<Type<Of<string>>>;
/** The type that a field holds; null where there is no such field. */
export function typeOf(path: string | readonly string[]): Input<Type<Of<FieldType | null>>>;
/** `projects/P/databases/D/documents/…` */
export function documentName(): Input<Type<Of<string>>>;
/** The whole document in the form of Firestore's REST API. */
export function document(): Input<Type<Of<JsonText>>>;
/** When the document was created; binary exports do not hold it. */
export function createTime(): Input<Type<Of<Micros | null>>>;
/** When the document was last written; binary exports do not hold it. */
export function updateTime(): Input<Type<Of<Micros | null>>>;

export type Inputs = Record<string, Input | Type>;
type TypeOfInput<I> = I extends Input<infer T> ? T : I;
/** What the mapping is given for declared inputs. */
export type RecordOf<I extends Inputs> = { readonly [K in keyof I]: ReadOf<TypeOfInput<I[K]>> };

export type Columns = Record<string, Type>;
/** A row of declared columns. */
export type RowOf<C extends Columns> = { readonly [K in keyof C]: WriteOf<C[K]> };

type OneOrMore<T> = T | readonly T[];

/** A table. */
export interface Table<C extends Columns, I extends Inputs> {
  readonly columns: C;
  readonly description?: string;
  /** The columns in which two rows agree that are the same row. */
  readonly key?: OneOrMore<keyof C & string>;
  /** An input: of rows with one key, the one from the record where it is greatest stays. */
  readonly latestBy?: keyof I & string;
  readonly partitionBy?: keyof C & string;
  readonly clusterBy?: OneOrMore<keyof C & string>;
}

type Settings = Record<string, Type>;
type ConfigOf<S extends Settings> = { readonly [K in keyof S]: SetOf<S[K]> };

/** What is the same for every record of a run. */
export interface Context<S extends Settings = Settings> {
  readonly config: ConfigOf<S>;
  readonly runId: string;
  /** The one time that a run knows. */
  readonly startedAt: Micros;
}

/** Why a record is refused. */
export interface Rejection {
  readonly code: string;
  readonly message: string;
  readonly input: string | undefined;
}
export const Rejection: { readonly prototype: Rejection; [Symbol.hasInstance](value: unknown): value is Rejection };

/**
 * A refused record goes to the dead letters with this reason: return it from the mapping, or throw it.
 *
 * `code` is for counting: lower-case letters, digits, `-` and `.`, at most 64. `message` is for people: what is wrong and what to do,
 * at most 4,096 bytes. `input` is the name of the input at fault, where it is one.
 */
export function reject(code: string, message: string, input?: string): Rejection;

/** The rows of a table that are made of a record; null is none. */
type Rows<C extends Columns> = RowOf<C> | readonly RowOf<C>[] | null;
/** What a mapping returns. */
export type Outcome<C extends Columns> = Rows<C> | Rejection;
/** What a mapping to several tables returns. */
export type Outcomes<Ts extends Record<string, { columns: Columns }>> =
  { readonly [K in keyof Ts]: Rows<Ts[K]["columns"]> } | null | Rejection;

/** A column that is read. */
export interface Column<T extends Type = Type> {
  readonly rows: number;
  /** One bit a row, least significant bit first, 1 where there is a value; null where none is null. Not to be written to. */
  readonly validity: Uint8Array | null;
  /** Of numbers, timestamps and dates: a value a row; at a null, anything. Of booleans: one bit a row. Not to be written to. */
  readonly values: ColumnOf<T>;
  /** Of strings, bytes, JSON and lists: where each begins in `data`, or in `elements`, and where the last ends. */
  readonly offsets: Uint32Array | null;
  /** Of strings, bytes and JSON: one after the other. */
  readonly data: Uint8Array | null;
  /** Of lists: all elements. */
  readonly elements: Column | null;
  /** Of structs: a column for each field. */
  readonly fields: Readonly<Record<string, Column>> | null;
  isNull(row: number): boolean;
  /** The value of one row. */
  get(row: number): ReadOf<T>;
  /** The values of all rows. */
  list(): ArrayLike<ReadOf<T>>;
}

/** The rows that a mapping over columns is called for. */
export interface Batch<I extends Inputs> {
  readonly rows: number;
  readonly inputs: { readonly [K in keyof I]: Column<TypeOfInput<I[K]> extends Type ? TypeOfInput<I[K]> : never> };
  /** Refuses the record of a row. What the columns hold at it is left out. */
  reject(row: number, rejection: Rejection): void;
  /** Makes no row of the record of a row. */
  leaveOut(row: number): void;
  isOut(row: number): boolean;
}

/** What a column is written from: one that was read, values, or a typed array with its validity. */
type ColumnData<T extends Type> =
  | Column
  | readonly WriteOf<T>[]
  | NonNullable<ColumnOf<T>>
  | { readonly values: NonNullable<ColumnOf<T>>; readonly validity: Uint8Array | null };
type ColumnsData<C extends Columns> = { readonly [K in keyof C]: ColumnData<C[K]> };
/** The columns of a table: one row for each row of the batch; or rows with their origins, which never go down. */
type Written<C extends Columns> = ColumnsData<C> | { readonly origins: Uint32Array; readonly columns: ColumnsData<C> };

/** A plugin, as a module exports it by default. */
export interface Plugin<I extends Inputs, Made, S extends Settings> {
  readonly documents: string;
  /** The mapping, for tests. */
  readonly map: (record: RecordOf<I>, context: Context<S>) => Made;
  /** A context with these settings, the others by default, for tests. */
  context(settings?: Partial<ConfigOf<S>>, run?: { runId?: string; startedAt?: Micros }): Context<S>;
}

type Tables<I extends Inputs> = Record<string, Table<Columns, I>>;
/** What a mapping returns: of the one table, or of all. */
type Made<C extends Columns, Ts extends Record<string, { columns: Columns }>> = [C] extends [never]
  ? Outcomes<Ts>
  : Outcome<C>;
type MadeOfColumns<C extends Columns, Ts extends Record<string, { columns: Columns }>> = [C] extends [never]
  ? { readonly [K in keyof Ts]: Written<Ts[K]["columns"]> }
  : Written<C>;

/** A plugin: it has a `table` or `tables`, and a mapping that is `map` or `mapColumns`. */
export function plugin<
  const I extends Inputs,
  const C extends Columns = never,
  const Ts extends Tables<I> = never,
  const S extends Settings = {},
>(spec: {
  /** One line for people; else the description of package.json. */
  readonly summary?: string;
  /** Which documents are taken: `teams/{team}/reports/{report}`. */
  readonly documents: string;
  readonly inputs: I;
  /** What can be set. A key in camel case is a name in kebab case. */
  readonly settings?: S;
  /** Why settings cannot be used, where that is so. */
  readonly check?: (config: ConfigOf<S>) => string | undefined;
  readonly table?: Table<C, I> & { readonly name: string };
  readonly tables?: Ts;
  /** The rows of a record. */
  readonly map?: (record: RecordOf<I>, context: Context<S>) => Made<NoInfer<C>, NoInfer<Ts>>;
  /** The rows of a batch, column by column. */
  readonly mapColumns?: (batch: Batch<I>, context: Context<S>) => MadeOfColumns<NoInfer<C>, NoInfer<Ts>>;
}): Plugin<I, Made<C, Ts>, S>;

/** What a validator says of a row. The texts are those of `reject`; the column is one that it reads. */
export interface Verdict<C extends Columns> {
  /** Refuses the row. */
  error(rule: string, message: string, column?: keyof C & string): void;
  /** Counts the row, which goes on. */
  warning(rule: string, message: string, column?: keyof C & string): void;
}

/** A validator, as a module exports it by default. */
export interface Validator<C extends Columns, S extends Settings> {
  readonly judge: (row: RecordOf<C>, context: Context<S>, verdict: Verdict<C>) => void;
  context(settings?: Partial<ConfigOf<S>>, run?: { runId?: string; startedAt?: Micros }): Context<S>;
  /** What is said of a row, for tests. */
  verdict(
    row: RecordOf<C>,
    context?: Context<S>,
  ): {
    readonly rule: string;
    readonly message: string;
    readonly column: string | undefined;
    readonly severity: "error" | "warning";
  }[];
}

/** A plugin that judges rows, of its own tables or of another's, one by one. */
export function validator<const C extends Columns, const S extends Settings = {}>(spec: {
  /** One line for people; else the description of package.json. */
  readonly summary?: string;
  /** The table that is judged; else every one, which then must have the columns. */
  readonly table?: string;
  /** The columns that are read. */
  readonly columns: C;
  readonly settings?: S;
  readonly check?: (config: ConfigOf<S>) => string | undefined;
  readonly judge: (row: RecordOf<NoInfer<C>>, context: Context<S>, verdict: Verdict<NoInfer<C>>) => void;
}): Validator<C, S>;

/** Timestamps. */
export const time: {
  /** Of an instant in RFC 3339 in the years 1 to 9999; null where the text is none. Digits beyond microseconds are cut off. */
  parse(text: string): Micros | null;
  /** `2024-01-01T00:00:00.000000Z` */
  format(micros: Micros): string;
  fromDate(date: Date): Micros;
  /** Rounds down to milliseconds. */
  toDate(micros: Micros): Date;
  /** Days since 1970-01-01, for a column of the type `date`. */
  dayOf(micros: Micros): number;
};

/** Messages for the people who run the plugin. Not for the content of records. The host limits their number and length. */
export const log: {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
};
