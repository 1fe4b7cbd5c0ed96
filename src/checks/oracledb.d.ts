// What the oracle check uses of oracledb, which brings no types.
declare module 'oracledb' {
  export interface Connection {
    /** `rows` is absent when the statement gives none. */
    execute(sql: string, binds: [], options: { maxRows: number }): Promise<{ readonly rows?: readonly unknown[] }>;
    close(): Promise<void>;
  }
  const oracledb: {
    getConnection(options: { user: string; password: string; connectString: string }): Promise<Connection>;
  };
  export default oracledb;
}
