//! What a consumer of the market data feed links.
