// A service that bills its own orders, written against nothing but the types of the OpenAPI document:
//   node built/program.js BASE_URL EMAIL PASSWORD
import { randomUUID } from "node:crypto";

import createClient from "openapi-fetch";

import type { components, paths } from "./api.js";

type Problem = components["schemas"]["Problem"];
type Customer = components["schemas"]["CustomerOutput"];
type Invoice = components["schemas"]["InvoiceOutput"];
type InvoiceInput = components["schemas"]["InvoiceInput"];

const [baseUrl, email, password] = process.argv.slice(2);
if (baseUrl === undefined || email === undefined || password === undefined) {
  throw new Error("node built/program.js BASE_URL EMAIL PASSWORD");
}

// Lists can be had as CSV too; this program wants JSON, and problems.
const api = createClient<paths, "application/json" | "application/problem+json">({ baseUrl });

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.detail} (${problem.request_id ?? "no id"})`);
  }
}

/** Whether the service itself has refused: what stands before it answers with pages of its own. */
function isProblem(error: unknown): error is Problem {
  return typeof error === "object" && error !== null && "code" in error && "errors" in error;
}

/** What an answer holds; a refusal is thrown with all that the service says of it. */
function granted<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data !== undefined) return answer.data;
  if (isProblem(answer.error)) throw new Refused(answer.error);
  throw new Error(`${answer.response.status} from ${answer.response.url}`);
}

async function logIn(email: string, password: string): Promise<void> {
  const grant = granted(await api.POST("/v1/auth/login", { body: { email, password } }));
  // A session in cookies has its tokens there, and null here.
  if (grant.access_token === null) throw new Error("This session is in cookies.");
  const bearer = `Bearer ${grant.access_token}`;
  api.use({
    onRequest({ request }) {
      request.headers.set("Authorization", bearer);
      return request;
    },
  });
}

async function addCustomer(name: string, key: string): Promise<{ customer: Customer; isReplayed: boolean }> {
  const address = { line1: "Königsworther Platz 1", postal_code: "30167", city: "Hannover", country: "DE" } as const;
  const answer = await api.POST("/v1/customers", {
    params: { header: { "Idempotency-Key": key } },
    body: { name, billing_address: address },
  });
  return { customer: granted(answer), isReplayed: answer.response.headers.get("Idempotency-Replayed") === "true" };
}

async function issue(body: InvoiceInput): Promise<Invoice> {
  const header = { "Idempotency-Key": randomUUID() };
  return granted(await api.POST("/v1/invoices", { params: { header }, body: { ...body, finalize: true } }));
}

/** Every customer, page by page. */
async function* customers(): AsyncGenerator<Customer> {
  let cursor: string | null = null;
  do {
    const query: { limit: number; sort: "name"; cursor?: string } = { limit: 2, sort: "name" };
    if (cursor !== null) query.cursor = cursor;
    const page = granted(await api.GET("/v1/customers", { params: { query } }));
    yield* page.data;
    cursor = page.next_cursor;
  } while (cursor !== null);
}

/** What is wrong with a body: the code of each fault by the member that it is about. */
async function faults(body: InvoiceInput): Promise<Record<string, string>> {
  try {
    await issue(body);
  } catch (error) {
    if (!(error instanceof Refused) || error.problem.status !== 422) throw error;
    return Object.fromEntries(error.problem.errors.map((fault) => [fault.pointer ?? fault.parameter ?? "", fault.code]));
  }
  return {};
}

/** The status of a second reading that says which version is known already. */
async function readAgain(invoice_id: string): Promise<number> {
  const first = await api.GET("/v1/invoices/{invoice_id}", { params: { path: { invoice_id } } });
  granted(first);
  const header = { "If-None-Match": first.response.headers.get("ETag") ?? "" };
  const second = await api.GET("/v1/invoices/{invoice_id}", { params: { path: { invoice_id }, header } });
  return second.response.status;
}

await logIn(email, password);
const key = randomUUID();
const { customer } = await addCustomer("B of TypeScript", key);
const again = await addCustomer("B of TypeScript", key);
await addCustomer("A of TypeScript", randomUUID());
await addCustomer("C of TypeScript", randomUUID());

const line = { description: "Consulting", quantity: "3", unit_price: "33.33", tax_rate: "19" };
const invoice = await issue({ customer_id: customer.id, lines: [line] });
const names: string[] = [];
for await (const one of customers()) names.push(one.name);

console.log(
  JSON.stringify({
    isSame: again.customer.id === customer.id && again.isReplayed,
    number: invoice.number,
    status: invoice.status,
    total: invoice.total,
    taxes: invoice.tax_breakdown.map((group) => group.tax_amount),
    names,
    faults: await faults({ customer_id: customer.id, lines: [line, { ...line, quantity: "one", tax_rate: "x" }] }),
    readAgain: await readAgain(invoice.id),
  }),
);
