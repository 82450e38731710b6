-- What holds of numbers.

-- number-gapless: The numbers of a series and period follow each other without a gap, from the first that was given
-- here.
SELECT c.organization_id, c.series_id, format('%s: %s numbers from %s to %s', c.period, count(d.number_key),
       c.first_value, c.last_value)
FROM number_counters c
LEFT JOIN document_numbers d ON (d.organization_id, d.series_id, d.period) = (c.organization_id, c.series_id, c.period)
                            AND d.sequence_value >= c.first_value
WHERE c.first_value IS NOT NULL
GROUP BY c.organization_id, c.series_id, c.period
HAVING count(d.number_key) <> c.last_value - c.first_value + 1

-- number-counter: The counter of a series and period stands at its last number, and at the last date of those that
-- were given here.
SELECT organization_id, series_id, format('%s: at %s of %s, given %s of %s', period, c.last_value, c.last_issue_date,
       d.last, d.dated)
FROM number_counters c
FULL JOIN (
    SELECT organization_id, series_id, period, max(sequence_value) AS last,
           max(issue_date) FILTER (WHERE NOT is_imported) AS dated, bool_or(is_imported) AS is_mixed
    FROM document_numbers WHERE period IS NOT NULL GROUP BY 1, 2, 3
) d USING (organization_id, series_id, period)
WHERE c.last_value IS DISTINCT FROM d.last
   -- Imported numbers may have moved the date on.
   OR c.last_issue_date < d.dated OR (c.last_issue_date <> d.dated AND NOT d.is_mixed)

-- number-chronological: Of two numbers of a series that were given here the later one has no earlier date.
SELECT organization_id, document_id, format('%s of %s comes after one of %s', number, issue_date, before)
FROM (
    SELECT organization_id, document_id, number, issue_date,
           lag(issue_date) OVER (PARTITION BY organization_id, series_id, period ORDER BY sequence_value) AS before
    FROM document_numbers WHERE NOT is_imported
    UNION ALL
    SELECT organization_id, first, number, since,
           lag(until) OVER (PARTITION BY organization_id, series_id ORDER BY since, until)
    FROM (
        SELECT organization_id, series_id, min(issue_date) AS since, max(issue_date) AS until,
               (array_agg(document_id ORDER BY sequence_value))[1] AS first,
               (array_agg(number ORDER BY sequence_value))[1] AS number
        FROM document_numbers WHERE NOT is_imported GROUP BY organization_id, series_id, period
    ) periods
) n
WHERE issue_date < before

-- number-period: A number stands in the period of its date.
SELECT organization_id, document_id, format('%s of %s in %s', number, issue_date, period)
FROM document_numbers
WHERE period NOT IN ('', to_char(issue_date, 'YYYY'))

-- number-register: The register has the number of every issued document, as it is, and no other.
SELECT organization_id, document_id, format('%s, registered %s', i.number, d.number)
FROM (
    SELECT organization_id, id AS document_id, 'invoice' AS type, number, number_key, series_id,
           number_period AS period, sequence_value, issue_date, voided_at IS NOT NULL AS is_void
    FROM invoices WHERE status <> 'draft'
    UNION ALL
    SELECT n.organization_id, n.id, 'credit_note', n.number, n.number_key, n.series_id, n.number_period,
           n.sequence_value, s.dated_on, false
    FROM credit_notes n JOIN sources s USING (organization_id, id)
) i
FULL JOIN document_numbers d USING (organization_id, document_id)
WHERE (i.type, i.number, i.number_key, i.series_id, i.period, i.sequence_value, i.issue_date, i.is_void)
      IS DISTINCT FROM (d.document_type, d.number, d.number_key, d.series_id, d.period, d.sequence_value, d.issue_date,
                        d.voided_at IS NOT NULL)
   -- What other letters fold to, the database does not know.
   OR (d.number ~ '^[ -~]*$' AND lower(d.number) <> d.number_key)
