"""Statistics that stay true while people watch: pure, from small accumulators, vectorised over metrics.

Three rules hold everywhere. An argument that cannot be is refused by name (`InvalidArgument`). NaN in a result is "no
decision", never a failed computation; `evidence.Status` says why where that can differ. What may be looked at at any
time is a logarithm of an e-value; what is "valid only at the planned end" says so.

At any time: `rates` (errors, shares above a limit), `sequential_means` (means and conversions, kept in `stratified`),
`sample_ratio`, `detectors` (late changes), `limits` (absolute limits), `sequences` (for show). At the planned end:
`means`, `proportions`, `ratio`, `noninferiority`, `quantiles`, `spending`. Around them: `accumulators`, `multiple`,
`power`, `recommendation`.
"""
