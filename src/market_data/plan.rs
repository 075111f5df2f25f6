//! What is published: which products, and how far apart the states of the conflated ones are.

use isochron_feeds::channel::Product;

/// Ten times a second: as often as a person's eye can follow.
pub const CONFLATION_NS_DEFAULT: u64 = 100_000_000;

/// What is published of every instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    products: Vec<Product>,
    conflation_ns: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self::new(&[Product::L3], CONFLATION_NS_DEFAULT)
    }
}

impl Plan {
    /// These products, however they are ordered; the conflated ones show their state every
    /// `conflation_ns` nanoseconds of logged time.
    ///
    /// # Panics
    /// If the interval is 0.
    #[must_use]
    pub fn new(products: &[Product], conflation_ns: u64) -> Plan {
        assert!(conflation_ns > 0, "an interval of no time");
        let planned = |product: &Product| products.contains(product);
        Plan { products: Product::ALL.into_iter().filter(planned).collect(), conflation_ns }
    }

    /// Every product there is.
    #[must_use]
    pub fn all(conflation_ns: u64) -> Plan {
        Self::new(&Product::ALL, conflation_ns)
    }

    /// The products, each once, in the order of their channel numbers.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// Nanoseconds of logged time between two states of a conflated product.
    #[must_use]
    pub fn conflation_ns(&self) -> u64 {
        self.conflation_ns
    }

    /// Whether a product is published.
    #[must_use]
    pub fn has(&self, product: Product) -> bool {
        self.products.contains(&product)
    }
}
