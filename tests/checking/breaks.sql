-- Ways to break each invariant, past every trigger; behind its name what else cannot hold then.

-- invoice-totals
ALTER TABLE invoices DROP CONSTRAINT ck_invoices_sums_add_up;
UPDATE invoices SET total_without_tax = total_without_tax + 1 WHERE status = 'draft'

-- invoice-subtotal
UPDATE invoices SET subtotal = subtotal + 1, charge_total = charge_total - 1 WHERE prices_include_tax

-- invoice-subtotal, with reference-leads-somewhere, tax-group-base
DELETE FROM invoice_lines WHERE (organization_id, invoice_id) IN (SELECT organization_id, id FROM invoices WHERE
status = 'draft')

-- line-amount, with invoice-gross, tax-group-base
UPDATE invoice_lines SET gross = gross + 1 WHERE gross IS NOT NULL

-- line-price, with invoice-gross, tax-group-base
UPDATE invoice_lines SET gross = gross + 500, amount = amount + 500 WHERE gross IS NOT NULL

-- line-price
UPDATE invoice_lines SET quantity = quantity + 1 WHERE quantity > 0

-- line-price
UPDATE invoice_lines SET unit_price = -unit_price WHERE unit_price > 0

-- line-price
UPDATE invoice_lines SET base_quantity = 2 WHERE amount > 0

-- line-price
UPDATE credit_note_lines SET unit_price = unit_price + 1 WHERE quantity IS NOT NULL

-- invoice-gross
UPDATE invoices SET charge_total = charge_total + 1, total_without_tax = total_without_tax + 1, total = total + 1,
payable_amount = payable_amount + 1 WHERE prices_include_tax AND status = 'draft'

-- line-adjustments
UPDATE invoice_adjustments SET amount = amount + 1 WHERE line_id IS NOT NULL

-- invoice-adjustments
UPDATE invoices SET allowance_total = allowance_total + 1, charge_total = charge_total + 1 WHERE status = 'draft'

-- invoice-tax-total
UPDATE invoices SET tax_total = tax_total + 1, total = total + 1, payable_amount = payable_amount + 1
WHERE status = 'draft' AND NOT prices_include_tax

-- invoice-tax-total
UPDATE invoice_tax_groups SET tax_amount_in_tax_currency = tax_amount_in_tax_currency + 1
WHERE tax_amount_in_tax_currency IS NOT NULL

-- tax-group-base
UPDATE invoice_tax_groups SET taxable_amount = taxable_amount + 1 WHERE category = 'E' AND (organization_id, invoice_id) IN
(SELECT organization_id, id FROM invoices WHERE status = 'draft')

-- tax-group-base
DELETE FROM invoice_line_taxes WHERE category = 'E' AND (organization_id, invoice_id) IN (SELECT organization_id, id
FROM invoices WHERE status = 'draft')

-- tax-group-base
UPDATE invoice_adjustments SET parts = '[]' WHERE line_id IS NULL AND tax_category IS NULL AND (organization_id,
invoice_id) IN (SELECT organization_id, id FROM invoices WHERE status = 'draft')

-- tax-group-base
UPDATE invoice_tax_groups SET taxable_amount = taxable_amount + 1 WHERE category = 'E' AND (organization_id,
invoice_id) IN (SELECT organization_id, id FROM invoices WHERE prices_include_tax)

-- tax-group-base
UPDATE invoice_lines SET shared_amount = shared_amount + 500 WHERE gross IS NULL

-- tax-group-base
UPDATE invoice_lines SET shared_amount = shared_amount + 500 WHERE gross IS NOT NULL

-- tax-group-base
UPDATE invoice_adjustments SET stands_alone = true WHERE line_id IS NULL AND is_charge

-- tax-group-base
ALTER TABLE invoice_adjustments DROP CONSTRAINT ck_invoice_adjustments_credited_within_adjustment;
UPDATE invoice_adjustments SET stands_alone = false

-- tax-group-tax
UPDATE invoice_tax_groups SET tax_amount = tax_amount + CASE rate WHEN 19 THEN 1 ELSE -1 END WHERE rate > 0 AND
(organization_id, invoice_id) IN (SELECT organization_id, id FROM invoices WHERE status = 'draft' AND NOT
prices_include_tax) AND invoice_id IN (SELECT invoice_id FROM invoice_tax_groups WHERE rate = 7)

-- tax-group-tax, with turnover-entered
UPDATE invoice_tax_groups SET tax_amount = tax_amount + CASE rate WHEN 19 THEN 1 ELSE -1 END,
taxable_amount = taxable_amount - CASE rate WHEN 19 THEN 1 ELSE -1 END WHERE rate IN (7, 19) AND
(organization_id, invoice_id) IN (SELECT organization_id, id FROM invoices WHERE prices_include_tax)

-- tax-components
UPDATE invoice_tax_groups SET components = jsonb_set(components, '{0,tax_amount}', '999') WHERE components <> '[]'

-- tax-components, with taxes-credited
UPDATE invoice_tax_groups SET components = components - 1 WHERE components <> '[]'

-- tax-components
UPDATE invoice_tax_groups SET components = jsonb_set(components, '{1,rate}', '"3"') WHERE components <> '[]'

-- tax-components, with taxes-credited
UPDATE credit_note_tax_groups SET components = jsonb_set(components, '{0,tax_amount}', '999') WHERE components <> '[]'

-- invoice-settled
UPDATE invoices SET amount_paid = amount_paid + 1, amount_credited = amount_credited - 1 WHERE amount_credited > 0

-- invoice-settled, with receivable
UPDATE invoices SET amount_paid = amount_paid + 1 WHERE status = 'open'

-- invoice-status
UPDATE invoices SET paid_at = now() WHERE status = 'open'

-- invoice-status, with event-of-deed
UPDATE invoices SET marked_uncollectible_at = now() WHERE status = 'open'

-- invoice-status
ALTER TABLE invoices DROP CONSTRAINT ck_invoices_draft_is_not_settled;
UPDATE invoices SET reopened_at = now() WHERE status = 'draft'

-- invoice-status, with invoice-history
UPDATE invoices SET status = 'open', paid_at = NULL WHERE status = 'paid'

-- invoice-revision
UPDATE invoices SET revised_by_id = NULL

-- invoice-revision
UPDATE invoices i SET revised_by_id = (SELECT id FROM invoices o WHERE o.organization_id = i.organization_id
AND o.revision_of_id IS NULL AND o.id <> i.id LIMIT 1) WHERE revised_by_id IS NOT NULL

-- invoice-revision
UPDATE invoices SET revision_of_id = NULL WHERE status = 'draft'

-- invoice-due-date
ALTER TABLE invoices DROP CONSTRAINT ck_invoices_due_as_terms_say;
UPDATE invoices SET due_date = due_date + 1 WHERE net_terms_days > 0

-- invoice-parties
UPDATE invoices SET buyer = buyer || '{"id": "X"}' WHERE status = 'open'

-- invoice-parties
UPDATE invoices SET seller = seller - 'name' WHERE status = 'paid'

-- invoice-history, with event-of-deed
UPDATE events SET type = 'invoice.voided' WHERE type = 'invoice.paid'

-- invoice-history
UPDATE events SET type = 'invoice.seen' WHERE type = 'invoice.reopened'

-- entry-balances
INSERT INTO ledger_postings (organization_id, id, entry_id, position, account, method, amount)
SELECT organization_id, gen_random_uuid(), id, 99, 'cash', 'card', 1 FROM ledger_entries WHERE id =
(SELECT min(id::text)::uuid FROM ledger_entries WHERE type = 'credit_applied')

-- entry-balances
INSERT INTO ledger_entries (organization_id, id, type, entry_date, customer_id, currency, object_type, object_id,
                            created_at)
SELECT organization_id, gen_random_uuid(), 'credit_released', entry_date, customer_id, currency, object_type, object_id,
       created_at FROM ledger_entries LIMIT 1

-- posting-belongs
UPDATE ledger_entries e SET customer_id = c.id FROM customers c WHERE e.type = 'credit_applied' AND
c.organization_id = e.organization_id AND c.id <> e.customer_id

-- receivable
UPDATE ledger_postings SET amount = amount + CASE account WHEN 'bad_debt' THEN 1 ELSE -1 END WHERE entry_id IN
(SELECT id FROM ledger_entries WHERE type = 'invoice_written_off')

-- receivable
UPDATE ledger_postings SET amount = amount - 1 WHERE account = 'accounts_receivable' AND entry_id = (SELECT
min(id::text)::uuid FROM ledger_entries WHERE type = 'credit_applied');
INSERT INTO ledger_postings (organization_id, id, entry_id, position, account, method, amount)
SELECT organization_id, gen_random_uuid(), id, 99, 'cash', 'card', 1 FROM ledger_entries WHERE id =
(SELECT min(id::text)::uuid FROM ledger_entries WHERE type = 'credit_applied')

-- source-credit, with allocation-entered
UPDATE ledger_postings SET amount = amount + 1 WHERE account = 'customer_credit' AND entry_id = (SELECT
min(id::text)::uuid FROM ledger_entries WHERE type = 'credit_applied');
INSERT INTO ledger_postings (organization_id, id, entry_id, position, account, method, amount)
SELECT organization_id, gen_random_uuid(), id, 99, 'cash', 'card', -1 FROM ledger_entries WHERE id =
(SELECT min(id::text)::uuid FROM ledger_entries WHERE type = 'credit_applied')

-- source-uses
UPDATE sources SET amount_allocated = amount_allocated + 1, amount_refunded = amount_refunded - 1 WHERE
amount_refunded > 0

-- source-uses
UPDATE sources SET amount_allocated = amount_allocated + amount_reversed, amount_reversed = 0 WHERE amount_reversed
> 0

-- source-document
UPDATE sources SET type = 'credit_note' WHERE type = 'invoice'

-- source-document, with deed-entered, event-object, event-of-deed
DELETE FROM payments WHERE id IN (SELECT id FROM sources WHERE currency = 'JPY')

-- allocation-entered
UPDATE allocations SET allocated_on = allocated_on + 5, released_on = released_on + 5

-- allocation-entered
UPDATE allocations SET released_on = released_on + 5 WHERE released_on IS NOT NULL

-- allocation-entered
UPDATE ledger_entries SET entry_date = entry_date - 1 WHERE type = 'credit_released'

-- entry-not-ahead
UPDATE ledger_entries SET entry_date = now() + interval '3 days' WHERE type = 'invoice_written_off'

-- allocation-fits, with allocation-entered
UPDATE allocations SET allocated_on = '2000-01-01'

-- allocation-fits, with allocation-entered
UPDATE allocations SET released_on = '2000-01-01' WHERE released_on IS NOT NULL

-- allocation-fits, with posting-belongs, source-document
UPDATE sources SET customer_id = (SELECT id FROM customers c WHERE c.organization_id = sources.organization_id AND
c.id <> sources.customer_id LIMIT 1) WHERE type = 'invoice'

-- refund-fits
UPDATE refunds SET source_type = 'invoice'

-- deed-entered
UPDATE ledger_entries SET entry_date = entry_date - 1 WHERE type = 'payment_received'

-- deed-entered, with entry-balances
INSERT INTO ledger_entries (organization_id, id, type, entry_date, customer_id, currency, object_type, object_id,
                            created_at)
SELECT organization_id, gen_random_uuid(), 'invoice_voided', entry_date, customer_id, currency, object_type, object_id,
       created_at FROM ledger_entries LIMIT 1

-- deed-entered, with source-uses
UPDATE refunds SET amount = amount + 1

-- turnover-entered
UPDATE ledger_postings SET amount = amount + CASE account WHEN 'revenue' THEN 1 ELSE -1 END WHERE account IN
('revenue', 'rounding') AND entry_id IN (SELECT entry_id FROM ledger_postings WHERE account = 'rounding')

-- turnover-entered
UPDATE ledger_postings SET amount = amount + CASE tax_rate WHEN 19 THEN 1 ELSE -1 END WHERE account = 'tax_payable'
AND entry_id IN (SELECT entry_id FROM ledger_postings WHERE tax_rate = 7)
AND entry_id IN (SELECT id FROM ledger_entries WHERE type = 'invoice_issued')

-- turnover-entered, with entry-balances
INSERT INTO ledger_postings (organization_id, id, entry_id, position, account, amount)
SELECT organization_id, gen_random_uuid(), id, 99, 'revenue', 1 FROM ledger_entries WHERE id =
(SELECT min(id::text)::uuid FROM ledger_entries WHERE type = 'credit_applied')

-- turnover-entered
UPDATE ledger_postings SET tax_rate = 7 WHERE account = 'tax_payable' AND entry_id IN
(SELECT id FROM ledger_entries WHERE type = 'invoice_voided')

-- turnover-entered
UPDATE ledger_postings SET tax_rate = 8 WHERE account = 'tax_payable' AND entry_id IN
(SELECT id FROM ledger_entries WHERE type = 'credit_note_issued')

-- turnover-entered
UPDATE ledger_postings SET amount = amount + CASE account WHEN 'revenue' THEN 1 ELSE -1 END WHERE account IN
('revenue', 'rounding') AND entry_id IN (SELECT entry_id FROM ledger_postings WHERE account = 'rounding') AND entry_id
IN (SELECT id FROM ledger_entries WHERE type = 'credit_note_issued')

-- number-gapless
UPDATE invoices SET sequence_value = sequence_value + 1
WHERE (organization_id, series_id, sequence_value) IN (SELECT organization_id, series_id, last_value FROM number_counters);
UPDATE document_numbers SET sequence_value = sequence_value + 1
WHERE (organization_id, series_id, sequence_value) IN (SELECT organization_id, series_id, last_value FROM number_counters)
  AND document_type = 'invoice';
UPDATE number_counters c SET last_value = last_value + 1
FROM number_series s WHERE s.id = c.series_id AND s.document_type = 'invoice'

-- number-gapless, with number-register
DELETE FROM document_numbers WHERE sequence_value = 2

-- number-counter
UPDATE number_counters SET last_issue_date = last_issue_date + 1

-- number-counter, with number-gapless
UPDATE number_counters SET last_value = last_value + 1

-- number-counter
DELETE FROM number_counters

-- number-chronological
CREATE TEMPORARY TABLE swapped ON COMMIT DROP AS SELECT organization_id FROM invoices WHERE sequence_value = 2;
UPDATE invoices SET sequence_value = sequence_value + 1000
WHERE sequence_value IN (1, 2) AND organization_id IN (SELECT organization_id FROM swapped);
UPDATE invoices SET sequence_value = 1003 - sequence_value WHERE sequence_value > 1000;
UPDATE document_numbers SET sequence_value = sequence_value + 1000
WHERE sequence_value IN (1, 2) AND document_type = 'invoice' AND organization_id IN (SELECT organization_id FROM swapped);
UPDATE document_numbers SET sequence_value = 1003 - sequence_value WHERE sequence_value > 1000

-- number-period
UPDATE invoices SET number_period = '1999' WHERE number_period IS NOT NULL;
UPDATE credit_notes SET number_period = '1999';
UPDATE document_numbers SET period = '1999';
UPDATE number_counters SET period = '1999'

-- number-register
UPDATE document_numbers SET number = number || '-', number_key = number_key || '-'

-- number-register
UPDATE document_numbers SET voided_at = now() WHERE sequence_value = 1

-- number-register, with reference-leads-somewhere
UPDATE document_numbers SET series_id = gen_random_uuid(), period = NULL, sequence_value = NULL, is_imported = true;
DELETE FROM number_counters

-- number-register
UPDATE invoices SET number_key = 'x-' || id WHERE number IS NOT NULL

-- event-gapless
DELETE FROM events WHERE type = 'customer.created'

-- event-gapless
UPDATE event_counters SET last_sequence = last_sequence + 1

-- event-gapless
DELETE FROM event_counters

-- event-of-closing
UPDATE organizations SET closed_at = now()

-- event-of-closing
UPDATE events e SET type = 'organization.closed' FROM event_counters c
WHERE (c.organization_id, c.last_sequence) = (e.organization_id, e.sequence)

-- event-of-issue
UPDATE events SET data = data || '{"number": "X"}' WHERE type = 'invoice.finalized'

-- event-of-deed
UPDATE events SET type = 'refund.seen' WHERE type = 'refund.created'

-- event-of-deed
UPDATE events SET type = 'payment.received' WHERE type = 'payment.reversed'

-- event-of-deed, with invoice-history
UPDATE events SET type = 'invoice.seen' WHERE type = 'invoice.voided'

-- event-of-deed
UPDATE events SET type = 'invoice.seen' WHERE type = 'invoice.marked_uncollectible'

-- event-of-deed
UPDATE events SET type = 'invoice.seen' WHERE type = 'invoice.amount_applied'

-- event-of-deed
UPDATE events SET data = data || jsonb_build_object('credit_note', jsonb_build_object('id', object_id))
WHERE type = 'invoice.credited'

-- event-object
UPDATE events SET object_id = gen_random_uuid() WHERE type = 'customer.created'

-- event-object
UPDATE events SET object_type = 'invoice' WHERE type = 'tax_rate.created'

-- event-object
UPDATE events SET type = 'customer.deleted' WHERE type = 'customer.created'

-- event-object
UPDATE events SET type = 'invoice.seen' WHERE type = 'invoice.deleted'

-- wall-stands
ALTER TABLE refunds NO FORCE ROW LEVEL SECURITY

-- wall-stands
DROP POLICY tenant ON invoices

-- wall-stands, with reference-is-held
CREATE TABLE forgotten (organization_id uuid)

-- reference-carries-tenant
CREATE UNIQUE INDEX ON sources (id);
ALTER TABLE refunds ADD FOREIGN KEY (source_id) REFERENCES sources (id)

-- reference-is-held
ALTER TABLE password_resets DROP CONSTRAINT fk_password_resets_organization_id_user_id

-- reference-is-held
ALTER TABLE refunds ADD COLUMN created_by_id uuid

-- guard-is-on
ALTER TABLE invoices DISABLE TRIGGER keep_frozen

-- guard-is-on
ALTER TABLE refunds ADD CONSTRAINT late CHECK (amount > 1) NOT VALID

-- reference-leads-somewhere, with invoice-revision
UPDATE invoices SET revision_of_id = gen_random_uuid() WHERE status = 'void'

-- reference-leads-somewhere
DELETE FROM sessions

-- credit-note-totals
UPDATE credit_notes SET subtotal = subtotal + 1, charge_total = charge_total - 1

-- credit-note-totals, with turnover-entered
UPDATE credit_notes SET tax_total = tax_total + 1, total_without_tax = total_without_tax - 1,
    charge_total = charge_total - 1 WHERE tax_total > 0

-- credit-note-fits
UPDATE sources SET dated_on = '2000-01-01' WHERE type = 'credit_note';
UPDATE ledger_entries SET entry_date = '2000-01-01' WHERE type = 'credit_note_issued';
UPDATE document_numbers SET issue_date = '2000-01-01', period = '' WHERE document_type = 'credit_note';
UPDATE credit_notes SET number_period = '';
UPDATE number_counters c SET last_issue_date = '2000-01-01', period = ''
FROM number_series s WHERE s.id = c.series_id AND s.document_type = 'credit_note'

-- invoice-credited
UPDATE invoices SET total_credited = total_credited - 1 WHERE total_credited > 0

-- line-credited
UPDATE invoice_lines SET credited_amount = credited_amount - 1 WHERE credited_amount > 0

-- line-credited
UPDATE invoice_lines SET credited_quantity = credited_quantity - 1 WHERE credited_quantity > 1

-- adjustment-credited
UPDATE invoice_adjustments SET credited_amount = credited_amount - 1 WHERE credited_amount > 0

-- adjustment-credited
UPDATE credit_note_adjustments SET is_charge = true WHERE NOT is_charge

-- taxes-credited
UPDATE invoices SET taxes_credited = '{"pools": [[500]], "components": [[]]}' WHERE status = 'open' AND taxes_credited IS
NULL

-- taxes-credited
UPDATE invoices SET taxes_credited = '["nonsense", 7, {"pools": 1}]' WHERE taxes_credited IS NOT NULL

-- taxes-credited
UPDATE invoices SET taxes_credited = NULL WHERE taxes_credited IS NOT NULL

-- taxes-credited
UPDATE invoices SET taxes_credited = jsonb_set(taxes_credited, '{pools,0,0}', '1') WHERE taxes_credited IS NOT NULL

-- taxes-credited
UPDATE invoices SET taxes_credited = jsonb_set(taxes_credited, '{components,0,0}', '7') WHERE taxes_credited IS NOT NULL

-- credited-groups
UPDATE credit_note_tax_groups SET taxable_amount = taxable_amount - 1 WHERE category = 'E'

-- credited-groups
UPDATE credit_note_tax_groups SET taxable_amount = taxable_amount + 1 WHERE category = 'E'

-- credited-groups, with taxes-credited, turnover-entered
UPDATE credit_note_tax_groups SET name = 'X'

-- credited-groups, with taxes-credited, turnover-entered
UPDATE credit_note_tax_groups SET tax_amount = tax_amount + CASE rate WHEN 19 THEN 1 ELSE -1 END
WHERE rate > 0 AND (organization_id, credit_note_id) IN
(SELECT organization_id, credit_note_id FROM credit_note_tax_groups WHERE rate > 0 GROUP BY 1, 2 HAVING count(*) = 2)

-- trait-is-true
DELETE FROM invoice_traits WHERE key = ''

-- trait-is-true
UPDATE customer_traits SET value = value || 'x'

-- trait-is-true
UPDATE invoice_traits SET created_at = created_at + interval '1 second'

-- trait-is-true
INSERT INTO payment_traits SELECT organization_id, 'colour', 'red', now(), id FROM payments LIMIT 1

-- trait-is-true
UPDATE credit_notes SET metadata = '{"found": "by nobody"}'
