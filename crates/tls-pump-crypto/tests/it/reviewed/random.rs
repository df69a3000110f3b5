//! The numbers that rustls takes from the provider, as for its random fields.

/// All of the buffer is filled, and never with the same.
#[test]
fn the_whole_buffer_is_filled_afresh() {
    let provider = tls_pump_crypto::provider();
    let fill = |len| {
        let mut bytes = vec![0_u8; len];
        provider.secure_random.fill(&mut bytes).unwrap();
        bytes
    };
    let mut seen = Vec::new();
    for len in [16, 32, 48, 1000] {
        for _ in 0..8 {
            let bytes = fill(len);
            // None of its parts of 16 bytes stays as it was, but by a chance
            // that does not occur.
            assert!(bytes.chunks_exact(16).all(|part| part != [0; 16]));
            let start = bytes[..16].to_vec();
            assert!(!seen.contains(&start));
            seen.push(start);
        }
    }
    assert!(fill(0).is_empty());
}
