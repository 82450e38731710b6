-- What holds of the traits by which objects are found.

-- trait-is-true: Customers, products, invoices, payments and credit notes are found by all of their words and their
-- metadata, and by nothing else.
WITH texts AS (
    SELECT 'customer' AS type, organization_id, id, created_at, metadata,
        ARRAY[name, legal_name, email, external_id, contact ->> 'name', contact ->> 'email']
        || ARRAY(SELECT jsonb_array_elements_text(billing_emails)) AS texts FROM customers
    UNION ALL
    SELECT 'product', organization_id, id, created_at, metadata, ARRAY[name, sku, external_id] FROM products
    UNION ALL
    SELECT 'invoice', organization_id, id, created_at, metadata, ARRAY[number] FROM invoices
    UNION ALL
    SELECT 'payment', organization_id, id, created_at, metadata, ARRAY[reference]
    FROM payments JOIN sources USING (organization_id, id)
    UNION ALL
    SELECT 'credit_note', organization_id, id, created_at, metadata, ARRAY[number]
    FROM credit_notes JOIN sources USING (organization_id, id)
), due AS (
    SELECT type, organization_id, id, created_at, '' AS key, word AS value, true AS is_due
    FROM texts, search_words(texts) AS word
    UNION ALL
    SELECT type, organization_id, id, created_at, key, value, true FROM texts, jsonb_each_text(metadata)
), kept AS (
    SELECT 'customer' AS type, t.*, true AS is_kept FROM customer_traits t
    UNION ALL SELECT 'product', t.*, true FROM product_traits t
    UNION ALL SELECT 'invoice', t.*, true FROM invoice_traits t
    UNION ALL SELECT 'payment', t.*, true FROM payment_traits t
    UNION ALL SELECT 'credit_note', t.*, true FROM credit_note_traits t
)
SELECT k.organization_id, k.object_id, format('a %s found by %s = %s', k.type, k.key, k.value)
FROM kept k LEFT JOIN due d ON (d.type, d.organization_id, d.id, d.created_at, d.key, d.value)
    = (k.type, k.organization_id, k.object_id, k.created_at, k.key, k.value)
WHERE d.is_due IS NULL
UNION ALL
SELECT d.organization_id, d.id, format('a %s not found by %s = %s', d.type, d.key, d.value)
FROM due d LEFT JOIN kept k ON (d.type, d.organization_id, d.id, d.created_at, d.key, d.value)
    = (k.type, k.organization_id, k.object_id, k.created_at, k.key, k.value)
WHERE k.is_kept IS NULL
