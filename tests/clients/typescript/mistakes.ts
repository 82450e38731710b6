// Mistakes of those who write clients, each of which the compiler finds: a line below `@ts-expect-error` that compiles
// is an error of its own.
import createClient from "openapi-fetch";

import type { components, paths } from "./api.js";

type CustomerInput = components["schemas"]["CustomerInput"];
type Invoice = components["schemas"]["InvoiceOutput"];

const api = createClient<paths, "application/json" | "application/problem+json">({ baseUrl: "" });

export async function mistakes(invoice: Invoice): Promise<void> {
  // @ts-expect-error: there is no such path.
  await api.GET("/v1/customer");
  // @ts-expect-error: nothing is deleted there.
  await api.DELETE("/v1/customers");
  // @ts-expect-error: which one?
  await api.GET("/v1/customers/{customer_id}");
  // @ts-expect-error: unknown members are refused.
  const customer: CustomerInput = { name: "Difference Works", colour: "red" };
  await api.POST("/v1/customers", { body: customer });
  // @ts-expect-error: a customer has a name.
  await api.POST("/v1/customers", { body: { email: "accounts@difference.example" } });
  // @ts-expect-error: this is no treatment.
  await api.POST("/v1/customers", { body: { name: "Difference Works", tax_treatment: "none" } });
  // @ts-expect-error: a line has a quantity.
  await api.POST("/v1/invoices", { body: { customer_id: invoice.customer_id, lines: [{ description: "Work" }] } });
  // @ts-expect-error: a page is no text.
  await api.GET("/v1/customers", { params: { query: { limit: "all" } } });

  // @ts-expect-error: money is text, whose last digit a binary float could not keep.
  const total: number = invoice.total;
  // @ts-expect-error: a draft has no number.
  const number: string = invoice.number;
  // @ts-expect-error: there is no such status.
  const isPaid: boolean = invoice.status === "payed";
  // @ts-expect-error: an invoice has no such member.
  console.log(invoice.amount, total, number, isPaid);
}
