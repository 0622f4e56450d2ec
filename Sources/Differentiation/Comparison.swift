@_spi(HostMemory) import Kernels
internal import Parallel

extension Tape {
    /// Returns rows beside the rows they are compared with, their differences and their products (Mou et al. 2016): [one, other,
    /// one - other, one * other], or [one, one - other, one * other]; [n, m] to [n, 4 m] or [n, 3 m].
    /// - `keepsOther`: true for the first form.
    public func compare(_ one: Node, _ other: Node, keepsOther: Bool) -> Node {
        precondition(one.rows == other.rows && one.columns == other.columns)
        let count = one.columns, result = node(rows: one.rows, columns: (keepsOther ? 4 : 3) * count), pool = backend.pool
        let difference = keepsOther ? 2 * count : count, product = difference + count
        let blocks = (one.rows + 15) / 16, rows = one.rows
        pool.forEach(blocks) { block in
            for row in 16 * block..<min(rows, 16 * block + 16) {
                let x = one.value.row(row), y = other.value.row(row), target = result.value.row(row)
                target.update(from: x, count: count)
                if keepsOther { (target + count).update(from: y, count: count) }
                let differences = target + difference, products = target + product
                for index in 0..<count {
                    differences[index] = x[index] - y[index]
                    products[index] = x[index] * y[index]
                }
            }
        }
        record {
            guard let gradient = result.gradient else { return }
            pool.forEach(blocks) { block in
                for row in 16 * block..<min(rows, 16 * block + 16) {
                    let given = gradient.row(row), differences = given + difference, products = given + product
                    if let target = one.gradient?.row(row) {
                        let y = other.value.row(row)
                        for index in 0..<count { target[index] += given[index] + differences[index] + products[index] * y[index] }
                    }
                    if let target = other.gradient?.row(row) {
                        let x = one.value.row(row)
                        for index in 0..<count { target[index] += products[index] * x[index] - differences[index] }
                        if keepsOther { for index in 0..<count { target[index] += given[count + index] } }
                    }
                }
            }
        }
        return result
    }
}
